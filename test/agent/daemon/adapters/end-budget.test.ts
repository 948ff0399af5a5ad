// How many ends a tenant is told, and what is left of that for the others.
import test from 'ava';
import { EndBudget } from '../../../../agent/daemon/adapters/end-budget.js';

interface Taken {
  readonly tenant?: string;
  readonly byKernel?: boolean;
  readonly now?: number;
}

/** Of so many ends, how many are told. */
function told(budget: EndBudget, count: number, { tenant = 'acme', byKernel = false, now = 0 }: Taken = {}): number {
  let sum = 0;
  for (let at = 0; at < count; at++) if (budget.take(tenant, byKernel, now) !== undefined) sum++;
  return sum;
}

test('a tenant has sixty a minute, and hears of the others in the next', (t) => {
  const budget = new EndBudget();
  t.is(told(budget, 100), 60);
  t.is(told(budget, 1, { now: 59_999 }), 0);
  t.is(budget.take('acme', false, 60_000), 41);
  t.is(budget.take('acme', false, 60_000), 0);
  t.is(told(budget, 100, { now: 60_000 }), 58);
});

test('kills by the kernel have ten more', (t) => {
  const budget = new EndBudget();
  t.is(told(budget, 100), 60);
  t.is(told(budget, 100, { byKernel: true }), 10);
  // Where nothing else has ended they have all of it.
  t.is(told(budget, 100, { tenant: 'other', byKernel: true }), 70);
});

test('many names are no way around, and leave something for kills by the kernel', (t) => {
  const budget = new EndBudget();
  let sum = 0;
  for (let at = 0; at < 2000; at++) sum += told(budget, 1, { tenant: `t${at}` });
  t.is(sum, 600);
  t.is(told(budget, 20, { tenant: 'acme', byKernel: true }), 10);
});

test('of more tenants than are kept the oldest is forgotten', (t) => {
  const budget = new EndBudget();
  t.is(told(budget, 61), 60);
  t.is(told(budget, 61, { tenant: 'kept' }), 60);
  for (let at = 0; at < 998; at++) budget.take(`t${at}`, false, 0);
  t.is(budget.take('kept', false, 60_000), 1);
  budget.take('one too many', false, 60_000);
  t.is(budget.take('acme', false, 60_000), 0);
});
