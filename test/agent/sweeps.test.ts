// How long a sweep holds the main loop, counted in items and not in time: with 5,000 workloads every timer of the agent gives
// the loop its turn.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { configSchema } from '../../agent/config/schema.js';
import { ThrottlingWatch } from '../../agent/limits/conditions.js';
import { LimitDrift } from '../../agent/limits/drift.js';
import { CgroupWatch } from '../../agent/limits/watch.js';
import { NO_NETWORK } from '../../agent/model/record.js';
import { Drift } from '../../agent/network/drift.js';
import { Pressure } from '../../agent/pressure/engine.js';
import { InKernel } from '../../agent/workload/in-kernel.js';
import { MissedEnds } from '../../agent/workload/missed-ends.js';
import { Reaper } from '../../agent/workload/reaper.js';
import { Tree } from '../../cgroups/tree.js';
import { sliced } from '../../linux/sliced.js';
import { fc } from '../runner/property.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { config as pressureConfig, target } from './pressure/fixture.js';
import { specOf } from './workload/fake-world.js';

const COUNT = 5000;

test('every item once, in order, with a turn of the loop within the budget and the bound', (t) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(6), { maxLength: 200 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 20 }),
      async (costs, most, budgetMs) => {
        let clock = 0;
        let inSlice = 0;
        let spent = 0;
        const turn = async (): Promise<void> => {
          inSlice = 0;
          spent = 0;
        };
        const seen: number[] = [];
        for await (const at of sliced(costs.keys(), { most, budgetMs, now: () => clock, turn })) {
          t.true(spent < budgetMs, 'begun only while there is budget');
          seen.push(at);
          clock += costs[at] ?? 0;
          spent += costs[at] ?? 0;
          inSlice++;
          t.true(inSlice <= most);
        }
        t.deepEqual(seen, [...costs.keys()]);
      },
    ),
  ));

test('what is added or removed between slices changes nothing', async (t) => {
  const items = new Set([1, 2, 3]);
  const seen: number[] = [];
  for await (const item of sliced(items, { most: 1 })) {
    items.clear();
    items.add(item + 10);
    seen.push(item);
  }
  t.deepEqual(seen, [1, 2, 3]);
});

/** The most calls of the counted function between two turns of the loop while `work` runs. */
async function longest(work: (count: () => void) => Promise<unknown>): Promise<{ most: number; all: number }> {
  let most = 0;
  let all = 0;
  let now = 0;
  let running = true;
  const tick = (): void => {
    now = 0;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  try {
    await work(() => {
      all++;
      now++;
      most = Math.max(most, now);
    });
  } finally {
    running = false;
  }
  return { most, all };
}

/** Slices of at most 100, and those of two turns where one ends as the other begins. */
const MOST = 200;

const nothing = { append: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const ids = Array.from({ length: COUNT }, (_, at) => `w${at}`);

const SWEEPS: Readonly<Record<string, (count: () => void) => Promise<unknown>>> = {
  'missed ends': (count) =>
    new MissedEnds({
      supervisor: { list: async () => [] },
      actors: () =>
        ids.map((id) => ({
          record: { id, process: { pid: 1, startTime: 1, startedAt: 1 } } as never,
          hasEnded: false,
          ended: () => undefined,
        })),
      isAlive: () => {
        count();
        return true;
      },
    }).look(),
  'audit of limits': (count) =>
    new LimitDrift({
      cgroups: {
        differences: () => {
          count();
          return [];
        },
      } as never,
      ...{ events: nothing as never, log: nothing as never },
      targets: () => ids.map((id) => ({ key: id, cgroup: `a/${id}`, workload: id, tenant: 'a' })),
      desired: () => [{ file: 'pids.max', value: '1' }] as never,
      exclusive: (_key, work) => work(),
    }).check(),
  'audit of networks': (count) =>
    new Drift({
      room: { audit: async () => [] } as never,
      ...{ events: nothing as never, log: nothing as never },
      targets: async () => ids.map((id) => ({ id, tenant: 'a', network: { owner: id } }) as never),
      ownView: async () => {
        count();
        return null;
      },
      repair: async () => true,
      repairHost: async () => undefined,
    }).check(),
  'advice on throttling': (count) =>
    new ThrottlingWatch({} as never).look(
      ids.map((id) => ({ id, spec: { resources: {} } }) as never),
      () => {
        count();
        return undefined;
      },
    ),
  'watch on cgroups': (count) =>
    new CgroupWatch({
      signals: {
        watch: () => {
          count();
          return { events: { populated: true, frozen: false }, close: () => undefined };
        },
      },
      cgroups: { path: (name: string) => name, read: () => [] } as never,
      ...{ events: nothing as never, log: nothing as never, written: () => undefined, killed: () => undefined },
      targets: () => ids.map((id) => ({ key: id, cgroup: `a/${id}`, workload: id, tenant: 'a' })),
    }).sync(),
  'list of cgroups': async (count) => {
    const directory = temporaryDirectory('tree');
    for (const id of ids) mkdirSync(join(directory, 'a', id), { recursive: true });
    class Counted extends Tree {
      override readTag(): undefined {
        count();
      }
    }
    await new Counted(directory, { controllers: [], missing: [] }).list();
  },
  ...Object.fromEntries(
    (['networks', 'targets'] as const).map((what) => [
      `${what} of all workloads`,
      async (count: () => void) => {
        const tap = (): null => {
          count();
          return null;
        };
        const records = ids.map((id) => ({
          id,
          spec: specOf({ id }),
          sandbox: { ...NO_NETWORK, cgroup: id },
          state: 'running',
        }));
        const world = {
          drivers: { of: () => ({ tap }) as never },
          installation: { id: '0a1b2c3d' },
          config: configSchema.parse({}),
        };
        const inKernel = new InKernel(world, () => records as never);
        await inKernel[what]();
        // What is known of a record is known.
        await inKernel[what]();
      },
    ]),
  ),
  reaper: (count) =>
    new Reaper(
      {
        cgroups: {
          list: async () => ids.map((id) => ({ tenant: 'a', id, name: `a/${id}`, tag: 'berth:x' })),
          populated: () => {
            count();
            return true;
          },
        },
        network: {
          list: async () => ({ links: [], netns: [] }),
          slots: () => ({ names: [] }),
          sweep: async () => 0,
        },
        supervisor: { list: async () => [] },
        config: { paths: { runtime: '/nonexistent' }, network: { link_prefix: 'b' } },
        installation: { id: '0a1b2c3d', others: () => [] },
        ...{ events: nothing, log: nothing },
      } as never,
      {
        has: () => true,
        known: async () => ({ netns: new Set() }) as never,
        networks: async () => [],
        holdsNetns: () => false,
      },
      0,
    ).sweep({ now: false }),
};

for (const [name, sweep] of Object.entries(SWEEPS))
  test(`${name}: a sweep over ${COUNT} gives the loop its turn`, async (t: ExecutionContext) => {
    const { most, all } = await longest(sweep);
    t.is(all, COUNT);
    t.true(most <= MOST, `${most} items in one turn`);
  });

test('the pressure engine asks the kernel for triggers and watches in slices, and gives them back in slices', async (t) => {
  let targets = Array.from({ length: COUNT }, (_, at) => target(`w${at}`, { memoryHigh: 1 }));
  const closing = { close: () => undefined };
  let seen = (): void => undefined;
  const asked = () => {
    seen();
    return { close: () => seen() };
  };
  const nothing = async (): Promise<void> => undefined;
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const engine = new Pressure(
    {
      ...{ signals: { pressure: asked, watch: asked }, log, cores: 1, events: { append: () => undefined } },
      actuator: {
        ...{ set: nothing, reclaim: nothing, balloon: nothing, freeze: nothing, thaw: nothing, kill: nothing },
        held: () => [],
      },
      clock: { now: () => 0, unix: () => 0, every: () => closing },
      ...{ targets: () => targets, proc: temporaryDirectory('proc'), cgroupMount: temporaryDirectory('cgroup') },
    },
    pressureConfig({ max_triggers: 2 * COUNT }),
  );
  t.teardown(() => engine.close());
  for (const work of [() => engine.start(), () => engine.look()]) {
    const { most, all } = await longest((count) => {
      seen = count;
      return work();
    });
    t.true(all >= 2 * COUNT, `${all} calls`);
    // One slice of a loop, and the first of the loop after it.
    t.true(most <= 200, `${most} calls between two turns`);
    targets = [];
  }
});
