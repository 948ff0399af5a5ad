import test from 'ava';
import fc from 'fast-check';
import type { Demand } from '../../../agent/density/demand.js';
import { Ledger, type Limits } from '../../../agent/density/ledger.js';

const Gi = 2 ** 30;
const limits = (workloads: number, cpu: number, memory: number): Limits => ({
  workloads: { capacity: workloads, allocatable: workloads },
  cpu: { capacity: cpu, allocatable: cpu },
  memory: { capacity: memory, allocatable: memory },
  addresses: { capacity: 100, allocatable: 100 },
});
const demand = (over: Partial<Demand> = {}): Demand => ({
  tenant: 'acme',
  workloads: 1,
  cpu: 0.1,
  memory: 64 * 2 ** 20,
  addresses: 1,
  ...over,
});

test('a refusal says dimension, scope, limit, use, request and what is missing', (t) => {
  const ledger = new Ledger(limits(10, 4, 4 * Gi), () => ({ memory: 4 * Gi }));
  ledger.commit('a', demand({ memory: 3.9 * Gi }));
  const [host, tenant] = ledger.check('b', demand({ memory: 256 * 2 ** 20 }));
  t.like(host, { code: 'admission_refused', dimension: 'memory', scope: 'host', limit: '4Gi', used: '3.9Gi' });
  t.like(tenant, { scope: 'tenant/acme', requested: '256Mi', shortBy: '153.6Mi', retryAfterMs: null });
});

test('each dimension refuses by itself', (t) => {
  const full = { workloads: 'workloads', cpu: 'cpu', memory: 'memory', addresses: 'addresses' } as const;
  for (const dimension of Object.values(full)) {
    const ledger = new Ledger({ ...limits(5, 5, 5), addresses: { capacity: 5, allocatable: 5 } }, () => ({}));
    const whole = { workloads: 0, cpu: 0, memory: 0, addresses: 0, [dimension]: 5 };
    ledger.commit('a', { tenant: 'x', ...whole });
    const refusals = ledger.check('b', { tenant: 'y', ...whole, [dimension]: 1 });
    t.deepEqual(
      refusals.map((refusal) => refusal.dimension),
      [dimension],
    );
  }
});

test('a tenant at its count is refused while the host has room, and others are not', (t) => {
  const ledger = new Ledger(limits(10, 10, Gi), (tenant) => (tenant === 'small' ? { workloads: 1 } : {}));
  ledger.commit('a', demand({ tenant: 'small' }));
  t.is(ledger.check('b', demand({ tenant: 'small' }))[0]?.scope, 'tenant/small');
  t.deepEqual(ledger.check('b', demand({ tenant: 'other' })), []);
});

test('tenths of a core add up', (t) => {
  const ledger = new Ledger(limits(10, 0.3, Gi), () => ({}));
  ledger.commit('a', demand({ cpu: 0.1 }));
  t.deepEqual(ledger.check('b', demand({ cpu: 0.2 })), []);
});

test('what a workload holds already is not counted against its own resize', (t) => {
  const ledger = new Ledger(limits(1, 1, Gi), () => ({}));
  ledger.commit('a', demand({ cpu: 1 }));
  t.deepEqual(ledger.check('a', demand({ cpu: 0.5 })), []);
});

test('a limit lowered under its use refuses new work and keeps count of the old', (t) => {
  const ledger = new Ledger(limits(1, 8, Gi), () => ({}));
  ledger.commit('a', demand());
  ledger.commit('b', demand());
  t.is(ledger.rows().find((row) => row.dimension === 'workloads')?.committed, 2);
  t.is(ledger.check('c', demand())[0]?.shortBy, 2);
});

test('whatever is admitted and released, no limit is crossed and the end is zero', (t) => {
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    cpu: fc.integer({ min: 1, max: 30 }).map((tenths) => tenths / 10),
    memory: fc.integer({ min: 1, max: Gi }),
    tenant: fc.constantFrom('x', 'y'),
    release: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = new Ledger(limits(4, 5, 2 * Gi), (tenant) => (tenant === 'x' ? { cpu: 3 } : {}));
      for (const { id, release, ...wanted } of steps) {
        const asked = demand(wanted);
        if (release) ledger.release(id);
        else if (ledger.check(id, asked).length === 0) ledger.commit(id, asked);
        for (const row of ledger.rows())
          if (row.allocatable !== null && row.committed > row.allocatable + 1e-6) return false;
      }
      for (const id of ['a', 'b', 'c', 'd', 'e']) ledger.release(id);
      return ledger.rows().every((row) => row.committed === 0);
    }),
  );
  t.pass();
});

test('new limits count from now on and take nothing away', (t) => {
  const ledger = new Ledger(limits(10, 8, Gi), () => ({}));
  ledger.commit('a', demand({ cpu: 4 }));
  ledger.setLimits(limits(10, 2, Gi), () => ({ workloads: 3 }));
  t.is(ledger.check('b', demand())[0]?.dimension, 'cpu');
  t.is(ledger.rows().find((row) => row.dimension === 'cpu')?.committed, 4);
  t.is(ledger.rows().find((row) => row.scope === 'tenant/acme')?.allocatable, 3);
});
