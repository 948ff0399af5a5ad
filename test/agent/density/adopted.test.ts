// Workloads of other engines in the ledger.
import test from 'ava';
import { AdoptedHolds, type AdoptedUse, adoptedDemand, holdOf, isAdopted } from '../../../agent/density/adopted.js';
import type { Demand } from '../../../agent/density/demand.js';
import { Ledger } from '../../../agent/density/ledger.js';
import { limitsOf } from '../../../agent/density/limits.js';
import type { AdoptedWorkload } from '../../../agent/model/adopted.js';
import { indexOf, vector } from '../../../agent/model/dimensions.js';
import { adoptedOf } from '../control/fake-engines.js';

const PER = { cpu: 0.1, memory: 64 << 20, fds: 1, inotifyInstances: 1, inotifyWatches: 1, pids: 10, disk: 0 };
const NOTHING = { cpu: null, memory: null, pids: null };
const GIB = 2 ** 30;
const SIZE = { per: PER, capacity: vector({ cpu: 4000, memory: 4 * GIB, pids: 1000 }, Number.POSITIVE_INFINITY) };

const figures = ({ amounts }: Demand): number[] =>
  (['workloads', 'cpu', 'memory', 'pids'] as const).map((name) => amounts[indexOf(name)] ?? 0);

test('a workload holds its limits, whatever it uses', (t) => {
  const limits = { cpu: 1.5, memory: GIB, pids: 100 };
  const demand = adoptedDemand(adoptedOf('web', { limits }), { cpu: 4, memory: 1, pids: 1 }, SIZE);
  t.deepEqual(figures(demand), [1, 1500, GIB, 100]);
  t.like(demand, { tenant: 'docker', kind: 'engine/docker' });
});

test('without a limit it holds its use with a margin, in steps; not measured yet, what the node counts by default', (t) => {
  const web = adoptedOf('web', { limits: NOTHING });
  t.deepEqual(figures(adoptedDemand(web, { cpu: 0.4, memory: 100 << 20, pids: 20 }, SIZE)), [1, 500, 128 << 20, 32]);
  t.deepEqual(figures(adoptedDemand(web, {}, SIZE)), [1, 100, 64 << 20, 10]);
});

test('a limit that the host does not have is none, and nothing is more than the host', (t) => {
  const web = adoptedOf('web', { limits: { cpu: 1000, memory: Number.MAX_SAFE_INTEGER, pids: 2 ** 40 } });
  t.deepEqual(figures(adoptedDemand(web, { cpu: 0.4, memory: 100 << 20, pids: 20 }, SIZE)), [1, 500, 128 << 20, 32]);
  t.deepEqual(figures(adoptedDemand(web, { cpu: 4, memory: 4 * GIB, pids: 999 }, SIZE)), [1, 4000, 4 * GIB, 1000]);
});

test('descriptors are counted of what is measured', (t) => {
  const fds = (use: AdoptedUse): number => adoptedDemand(adoptedOf('web'), use, SIZE).amounts[indexOf('fds')] ?? 0;
  t.is(fds({ memory: 1, pids: 1 }), 1);
  t.is(fds({}), 0);
});

test('whoever sets a limit that the host does not have does not have the whole host', async (t) => {
  const of = ledger();
  await new AdoptedHolds(of).set([big('db', { limits: { ...NOTHING, memory: 1024 * GIB } })], () => ({}), PER);
  t.deepEqual(of.check('web', own(2 * GIB)), []);
});

function ledger(): Ledger {
  const allocatable = vector({ memory: 4 * GIB }, Number.POSITIVE_INFINITY);
  return new Ledger(limitsOf({ host: { capacity: allocatable, kept: vector(), allocatable } }));
}

const own = (memory: number): Demand => ({
  ...{ tenant: 'acme', kind: 'exec', class: 'burstable', priority: 0, overhead: 0, extras: [] },
  amounts: vector({ workloads: 1, memory }),
});

const big = (name: string, over: Partial<AdoptedWorkload> = {}): AdoptedWorkload =>
  adoptedOf(name, { limits: { ...NOTHING, memory: 3 * GIB }, ...over });

test('a create is refused for what others hold, and fits when they are gone', async (t) => {
  const of = ledger();
  const holds = new AdoptedHolds(of);
  await holds.set([big('db')], () => ({}), PER);
  t.like(of.check('web', own(2 * GIB))[0], { scope: 'host', dimension: 'memory', used: '3Gi', shortBy: '1Gi' });
  t.true(
    of
      .rows()
      .some(
        ({ scope, dimension, committed }) =>
          scope === 'engine/docker' && dimension === 'memory' && committed === 3 * GIB,
      ),
  );
  await holds.set([], () => ({}), PER);
  t.deepEqual(of.check('web', own(2 * GIB)), []);
  t.false(of.tenantInUse('docker'));
});

test('what is counted already, as what it runs in, is not counted again', async (t) => {
  const of = ledger();
  await new AdoptedHolds(of).set([big('inner', { within: 'workload web' })], () => ({}), PER);
  t.deepEqual([...of.holds()], []);
});

test('limits, tenant and use that change are counted anew', async (t) => {
  const of = ledger();
  const holds = new AdoptedHolds(of);
  let memory = 10 << 20;
  const set = (over: Partial<AdoptedWorkload>): Promise<void> =>
    holds.set([adoptedOf('db', { limits: NOTHING, ...over })], () => ({ memory }), PER);
  const held = (): number => of.hold(holdOf(adoptedOf('db')))?.demand.amounts[indexOf('memory')] ?? 0;
  await set({});
  t.is(held(), 16 << 20);
  memory = 100 << 20;
  await set({});
  t.is(held(), 128 << 20);
  await set({ tenant: 'acme' });
  t.true(of.tenantInUse('acme'));
  t.false(of.tenantInUse('docker'));
});

test('no id of a workload of berth is one of theirs', (t) => {
  t.true(isAdopted(holdOf(adoptedOf('web'))));
  t.false(isAdopted('engine-docker'));
});

test('what a sandbox holds for the containers that join it is not held again; what goes beyond it is', async (t) => {
  const of = ledger();
  of.commit('sandbox', own(2 * GIB));
  const holds = new AdoptedHolds(of);
  const inside = (...names: string[]) => new Map(names.map((name) => [holdOf(adoptedOf(name)), 'sandbox']));
  const held = (name: string): unknown => of.hold(holdOf(adoptedOf(name)))?.demand.amounts[indexOf('memory')];
  const one = big('a', { limits: { ...NOTHING, memory: GIB } });
  await holds.set([one], () => ({}), PER, inside('a'));
  t.is(held('a'), 0);
  t.deepEqual(of.check('web', own(2 * GIB)), []);
  // Two share it: each of them takes of what is left.
  await holds.set([one, big('b', { limits: { ...NOTHING, memory: 1.5 * GIB } })], () => ({}), PER, inside('a', 'b'));
  t.deepEqual([held('a'), held('b')], [0, GIB / 2]);
  t.is(of.hold('sandbox')?.demand.amounts[indexOf('memory')], 2 * GIB, 'the sandbox holds what it held');
  // The sandbox is gone, and what was in it runs on.
  of.release('sandbox');
  await holds.set([one], () => ({}), PER, inside('a'));
  t.is(held('a'), GIB);
  await holds.set([one], () => ({}), PER);
  t.is(held('a'), GIB);
});
