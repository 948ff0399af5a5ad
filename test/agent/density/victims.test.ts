// Who would have to go: properties of the choice on ledgers of every kind.

import test from 'ava';
import { Ledger } from '../../../agent/density/ledger.js';
import { byPromise, type Candidate, makeRoom, yieldsTo } from '../../../agent/density/victims.js';
import { fc } from '../../runner/property.js';
import { demand, host, tenantLimits } from './shapes.js';

const CLASSES = ['besteffort', 'burstable', 'guaranteed'] as const;
const TENANTS = ['a', 'b', 'c'] as const;

const shape = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  class: fc.constantFrom(...CLASSES),
  priority: fc.integer({ min: 0, max: 3 }),
  cpu: fc.integer({ min: 0, max: 40 }),
  memory: fc.integer({ min: 0, max: 40 }),
  leaving: fc.boolean(),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const demandOf = ({ cpu, memory, ...of }: Shape) =>
  demand({ cpu, memory, addresses: 0 }, { tenant: of.tenant, class: of.class, priority: of.priority });

const situation = fc.record({
  held: fc.array(shape, { maxLength: 12 }),
  asked: shape,
  mode: fc.constantFrom('class', 'priority'),
  reach: fc.subarray([...TENANTS]),
  cpu: fc.integer({ min: 10, max: 120 }),
  memory: fc.integer({ min: 10, max: 120 }),
  quota: fc.integer({ min: 5, max: 120 }),
  share: fc.integer({ min: 0, max: 40 }),
});
type Situation = typeof situation extends fc.Arbitrary<infer T> ? T : never;

function setUp({ held, asked, mode, reach, cpu, memory, quota, share }: Situation) {
  const tenants = { a: tenantLimits({ cpu: quota }), b: tenantLimits({}, { cpu: share, memory: share }) };
  const ledger = new Ledger(host({ cpu, memory }, tenants));
  for (const [n, one] of held.entries()) ledger.commit(`w${n}`, demandOf(one));
  const candidates = [...ledger.holds()].flatMap(([id, hold]): Candidate[] => {
    const { tenant, class: of, priority } = hold.demand;
    const found = { id, tenant, class: of, priority, hold, leaving: held[Number(id.slice(1))]?.leaving ?? false };
    return yieldsTo(found, asked, mode) && (reach as string[]).includes(tenant) ? [found] : [];
  });
  const wanted = demandOf(asked);
  const shortages = () => ledger.shortages('new', wanted);
  return { ledger, candidates, shortages };
}

test('when they are gone nothing is short, and any one of them given back makes it short again', (t) => {
  fc.assert(
    fc.property(situation, (given) => {
      const { ledger, candidates, shortages } = setUp(given);
      const { victims, left } = makeRoom(ledger, given.asked.tenant, candidates, shortages);
      if (left.length > 0) return;
      for (const { id } of victims) ledger.release(id);
      t.deepEqual(shortages(), []);
      for (const { id, hold } of victims) {
        ledger.commit(id, hold.demand);
        t.true(shortages().length > 0, `${id} goes for nothing`);
        ledger.release(id);
      }
    }),
    { numRuns: 2000 },
  );
});

test('nobody of the same or a higher rank goes, nobody out of reach, and the ledger is as it was', (t) => {
  fc.assert(
    fc.property(situation, (given) => {
      const { ledger, candidates, shortages } = setUp(given);
      const before = [JSON.stringify(ledger.rows()), JSON.stringify(shortages())];
      const { victims } = makeRoom(ledger, given.asked.tenant, candidates, shortages);
      t.deepEqual([JSON.stringify(ledger.rows()), JSON.stringify(shortages())], before);
      const rank = (one: { class: (typeof CLASSES)[number] }) => CLASSES.indexOf(one.class);
      for (const victim of victims) {
        const lower = rank(victim) < rank(given.asked);
        const same = rank(victim) === rank(given.asked) && victim.priority < given.asked.priority;
        t.true(lower || (given.mode === 'priority' && same));
        t.true(given.reach.includes(victim.tenant as (typeof TENANTS)[number]));
      }
      t.deepEqual([...victims].sort(byPromise), victims);
    }),
    { numRuns: 1000 },
  );
});

test('what is said to be out of reach is: without all candidates something is short indeed, shares aside', (t) => {
  fc.assert(
    fc.property(situation, (given) => {
      const { ledger, candidates, shortages } = setUp({ ...given, share: 0 });
      const { left } = makeRoom(ledger, given.asked.tenant, candidates, shortages);
      if (left.length === 0) return;
      for (const { id } of candidates) ledger.release(id);
      t.deepEqual(shortages(), left);
    }),
    { numRuns: 1000 },
  );
});

const candidatesOf = (ledger: Ledger, ids: readonly string[]): Candidate[] =>
  ids.flatMap((id) => {
    const hold = ledger.hold(id);
    return hold === undefined ? [] : [{ id, tenant: hold.demand.tenant, class: 'besteffort', priority: 0, hold }];
  });

test('a guaranteed share shields whom it covers: what they leave is kept free for their tenant', (t) => {
  const ledger = new Ledger(host({ cpu: 4000 }, { b: tenantLimits({}, { cpu: 2000 }) }));
  ledger.commit('b1', demand({ cpu: 2000 }, { tenant: 'b' }));
  ledger.commit('c1', demand({ cpu: 2000 }, { tenant: 'c' }));
  const room = (cpu: number, tenant = 'a') =>
    makeRoom(ledger, tenant, candidatesOf(ledger, ['b1', 'c1']), () =>
      ledger.shortages('x', demand({ cpu }, { tenant })),
    );
  t.deepEqual(
    room(2000).victims.map(({ id }) => id),
    ['c1'],
  );
  t.like(room(2001), { left: [{ scope: 'host', dimension: 'cpu', short: 1, keptFree: 0 }] });
  t.deepEqual(
    room(2000, 'b').victims.map(({ id }) => id),
    ['b1'],
    'of its own tenant it may be',
  );
  // Limits lowered under their use, and the other asks within a share of its own: still not from this one.
  ledger.setLimits(host({ cpu: 3000 }, { a: tenantLimits({}, { cpu: 1000 }), b: tenantLimits({}, { cpu: 2000 }) }));
  ledger.release('c1');
  ledger.commit('b2', demand({ cpu: 0 }, { tenant: 'b' }));
  ledger.setLimits(host({ cpu: 2500 }, { a: tenantLimits({}, { cpu: 1000 }), b: tenantLimits({}, { cpu: 2000 }) }));
  t.like(room(1000), { victims: [], left: [{ dimension: 'cpu', short: 500 }] });
  // What it has beyond its share is lent, and may be called back.
  ledger.commit('b2', demand({ cpu: 500 }, { tenant: 'b' }));
  t.like(
    makeRoom(ledger, 'a', candidatesOf(ledger, ['b2']), () => ledger.shortages('x', demand({ cpu: 500 }))).victims,
    [{ id: 'b2' }],
  );
});
