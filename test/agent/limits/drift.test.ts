import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { LimitDrift, type LimitDriftWorld } from '../../../agent/limits/drift.js';
import type { Value } from '../../../cgroups/types.js';
import { shrunk } from '../workload/fake-host.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** One workload and the files of its cgroup. */
function host(wanted: readonly Value[]) {
  const files = new Map(wanted.map(({ file, value }) => [file, value]));
  const events: { type: string; data: Readonly<Record<string, unknown>> }[] = [];
  const targets: number[] = [];
  const world: LimitDriftWorld = {
    cgroups: {
      differences: (_name, values) => values.filter(({ file, value }) => files.get(file) !== value),
      read: (_name, values) => values.map(({ file }) => ({ file, value: files.get(file) ?? '' })),
      apply: async (_name, values) => {
        for (const { file, value } of values) files.set(file, value);
        return [];
      },
      shrinkMemory: async (_name, limit) => {
        targets.push(limit);
        files.set('memory.max', String(limit));
        return shrunk(limit);
      },
    },
    events: { append: (event) => events.push(event) },
    log: silent,
    targets: () => [{ key: 'web', cgroup: 'acme/web', workload: 'web', tenant: 'acme' }],
    desired: () => wanted,
    exclusive: (_key, work) => work(),
  };
  return { files, events, targets, world, types: () => events.map(({ type }) => type) };
}

const PIDS: Value = { file: 'pids.max', value: '32' };

test('what somebody else has written is told with both values and put back', async (t) => {
  const { files, events, world } = host([PIDS]);
  const drift = new LimitDrift(world);
  await drift.check();
  t.deepEqual(events, []);
  files.set('pids.max', 'max');
  await drift.check();
  t.is(files.get('pids.max'), '32');
  t.deepEqual(
    events.map(({ type, data }) => [type, data]),
    [
      ['cgroup.drift', { file: 'pids.max', wanted: '32', got: 'max' }],
      ['cgroup.repaired', { file: 'pids.max', wanted: '32', got: 'max' }],
    ],
  );
  t.is(drift.counts().found.get('pids.max'), 1);
  t.is(drift.counts().repaired.get('pids.max'), 1);
});

test('after so many repairs it is left alone and reported, once, until it is right or time has passed', async (t) => {
  const { files, types, world } = host([PIDS]);
  let now = 0;
  const drift = new LimitDrift(world, { repairs: 2, windowMs: 1000, now: () => now });
  for (let round = 0; round < 4; round++) {
    files.set('pids.max', 'max');
    await drift.check();
  }
  t.is(files.get('pids.max'), 'max');
  t.is(types().filter((type) => type === 'cgroup.repaired').length, 2);
  t.is(types().filter((type) => type === 'cgroup.contested').length, 1);
  t.deepEqual(drift.contested(), [{ key: 'web', file: 'pids.max', wanted: '32', got: 'max' }]);
  now = 2000;
  await drift.check();
  t.is(files.get('pids.max'), '32');
  t.deepEqual(drift.contested(), []);
});

test('memory.max goes down by steps: whoever raised it may have let the workload grow', async (t) => {
  const { files, targets, world } = host([{ file: 'memory.max', value: '4096' }]);
  files.set('memory.max', 'max');
  await new LimitDrift(world).check();
  t.deepEqual(targets, [4096]);
  t.is(files.get('memory.max'), '4096');
});

test('a hint looks soon, at the named one only, and a forgotten workload leaves nothing behind', async (t) => {
  const { files, world } = host([PIDS]);
  let repaired: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    repaired = resolve;
  });
  const drift = new LimitDrift({
    ...world,
    events: { append: ({ type }) => (type === 'cgroup.repaired' ? repaired() : undefined) },
  });
  files.set('pids.max', '7');
  drift.hint('other');
  drift.hint('web');
  await done;
  t.is(files.get('pids.max'), '32');
  const stuck = new LimitDrift(world, { repairs: 0 });
  files.set('pids.max', '7');
  await stuck.check();
  t.is(stuck.contested().length, 1);
  stuck.forget('web');
  t.deepEqual(stuck.contested(), []);
  await drift.close();
});

test('what audits have found is not kept: the hundred thousandth costs what the first did', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { world } = host([PIDS]);
  const drift = new LimitDrift({ ...world, targets: () => [] });
  const heapAfter = async (checks: number): Promise<number> => {
    for (let check = 0; check < checks; check++) await drift.check();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(1000);
  t.true((await heapAfter(100_000)) - before < 2 ** 20);
});
