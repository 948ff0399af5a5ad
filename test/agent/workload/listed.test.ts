import test from 'ava';
import { parseSelector } from '../../../agent/model/selector.js';
import { type ListFilter, listed } from '../../../agent/workload/listed.js';
import { fc } from '../../runner/property.js';

const record = (
  id: string,
  tenant = 'acme',
  state: 'running' | 'failed' = 'running',
  labels: Record<string, string> = {},
) => ({
  ...{ id, state },
  spec: { tenant, labels, driver: id < 'c' ? ('exec' as const) : ('oci' as const), class: 'burstable' as const },
});

const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,4}$/), { maxLength: 40 });

test('pages together are the whole list, by id, and each is as long as asked', (t) =>
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 10 }), (all, most) => {
      const records = all.map((id) => record(id));
      const found: string[] = [];
      for (let after = ''; ; ) {
        const page = listed(records, { after, most });
        t.true(page.length <= most);
        found.push(...page.map(({ id }) => id));
        if (page.length < most) break;
        after = page.at(-1)?.id ?? after;
      }
      t.deepEqual(found, [...all].sort());
    }),
  ));

test('what is there all the while is listed once, whatever comes and goes between pages', (t) =>
  fc.assert(
    fc.property(ids, fc.array(ids, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (stay, others, most) => {
      const found: string[] = [];
      for (let after = '', turn = 0; ; turn++) {
        const now = [...new Set([...stay, ...(others[turn] ?? [])])].map((id) => record(id));
        const page = listed(now, { after, most });
        found.push(...page.map(({ id }) => id));
        if (page.length < most) break;
        after = page.at(-1)?.id ?? after;
      }
      t.deepEqual(
        found.filter((id) => stay.includes(id)),
        [...stay].sort(),
      );
      t.is(new Set(found).size, found.length);
    }),
  ));

test('a page is counted after the filters', (t) => {
  const records = [record('a', 'x'), record('b', 'y'), record('c', 'x', 'failed'), record('d', 'x'), record('e', 'z')];
  const of = (filter: ListFilter) => listed(records, filter).map(({ id }) => id);
  t.deepEqual(of({ tenant: 'x', most: 2 }), ['a', 'c']);
  t.deepEqual(of({ tenant: 'x', state: 'running', most: 2 }), ['a', 'd']);
  t.deepEqual(of({ sees: (tenant) => tenant !== 'x', most: 1 }), ['b']);
  t.deepEqual(of({ after: 'b', sees: (tenant) => tenant !== 'x' }), ['e']);
});

test('labels, driver, class, tenant and state must all hold', (t) => {
  const records = [
    record('a', 'x', 'running', { app: 'web' }),
    record('b', 'y', 'running', { app: 'web', tier: 'db' }),
    record('c', 'x', 'failed', { app: 'web' }),
    record('d', 'x', 'running', { app: 'job' }),
  ];
  const of = (filter: ListFilter) =>
    listed(records, filter)
      .map(({ id }) => id)
      .join('');
  const web = parseSelector('app=web');
  t.is(of({ selector: web }), 'abc');
  t.is(of({ selector: web, most: 2 }), 'ab');
  t.is(of({ selector: web, after: 'a', most: 1 }), 'b');
  t.is(of({ selector: web, tenant: 'x' }), 'ac');
  t.is(of({ selector: web, state: 'failed' }), 'c');
  t.is(of({ selector: web, driver: 'oci' }), 'c');
  t.is(of({ selector: web, driver: 'qemu' }), '');
  t.is(of({ class: 'burstable', selector: parseSelector('app!=web') }), 'd');
  t.is(of({ class: 'guaranteed' }), '');
});
