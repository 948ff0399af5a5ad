// The small parts: settings, triggers, measures, what several scopes hold together, cgroups named by pattern.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { shapeOf, type TableShape } from '../../../agent/config/inspect.js';
import { pressureSchema } from '../../../agent/config/pressure.js';
import { calm } from '../../../agent/pressure/ladder.js';
import { Measure, RESOURCES } from '../../../agent/pressure/measure.js';
import { latestKill, valuesOf } from '../../../agent/pressure/merge.js';
import { eligible, inOrder } from '../../../agent/pressure/rank.js';
import { type Ladder, newLadder } from '../../../agent/pressure/scopes.js';
import { Triggers, type Wanted } from '../../../agent/pressure/triggers.js';
import type { Applied, ScopeName } from '../../../agent/pressure/types.js';
import { watchedDirectories } from '../../../agent/pressure/watched.js';
import { candidate, config, GIB, MIB, settings, target } from './fixture.js';

test('every key has a meaning', (t) => {
  const walk = (table: TableShape, path: string): void => {
    for (const [key, shape] of table.keys)
      if (shape.kind === 'table') walk(shape, `${path}.${key}`);
      else t.not(shape.description, '', `${path}.${key}`);
  };
  const shape = shapeOf(pressureSchema);
  t.is(shape.kind, 'table');
  if (shape.kind === 'table') walk(shape, 'pressure');
});

test('the floor of available memory: a share, a size, or what fits the host', (t) => {
  t.is(settings({ min_available: '10%' }).minAvailable(4 * GIB), 0.4 * GIB);
  t.is(settings({ min_available: '100Mi' }).minAvailable(4 * GIB), 100 * MIB);
  t.is(settings().minAvailable(4 * GIB), 0.04 * 4 * GIB);
  t.is(settings().minAvailable(512 * GIB), GIB);
  for (const min_available of ['60%', 'much', '-1', '5 %'])
    t.throws(() => config({ min_available }), undefined, min_available);
});

test('what is wrong is refused: a stall above the window, a relative hook, an unknown step', (t) => {
  for (const section of [{ host: { cpu_some: '2s' } }, { hook: 'hook.sh' }, { steps: ['reboot'] }, { release: 2 }])
    t.throws(() => config(section), undefined, JSON.stringify(section));
});

test('a threshold of 0s is none, and a scope without any has no ladder', (t) => {
  const off = config({ host: { cpu_some: '0s' }, workload: { memory_some: '0s', memory_full: '0s' } });
  const ladder = (scope: ScopeName, resource: 'cpu' | 'memory') =>
    newLadder({ key: `${scope} ${resource}`, scope, resource, place: 'host' }, off, 0);
  t.is(ladder('host', 'cpu'), undefined);
  t.is(ladder('workload/a', 'memory'), undefined);
  t.not(ladder('host', 'memory'), undefined);
});

test('the order of victims: class, priority, use beyond the request, use', (t) => {
  const all = [
    candidate('g', { class: 'guaranteed' }, { memory: 9 * GIB }),
    candidate('b-high', { priority: 200 }, { memory: 4 * GIB }),
    candidate('b-low', { priority: 10 }, { memory: MIB }),
    candidate('e-within', { class: 'besteffort', request: { cpu: 0, memory: 2 * GIB } }, { memory: 2 * GIB }),
    candidate('e-over', { class: 'besteffort', request: { cpu: 0, memory: 0 } }, { memory: GIB }),
  ];
  const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);
  t.deepEqual(ids(inOrder(all, 'memory')), ['e-over', 'e-within', 'b-low', 'b-high', 'g']);
  t.false(ids(eligible(all, 'host', 'memory')).includes('g'));
  t.deepEqual(ids(eligible(all.slice(0, 1), 'host', 'memory')), ['g']);
  t.deepEqual(ids(eligible(all.slice(0, 1), 'host', 'cpu')), []);
});

test('triggers: closed when unwanted, tried again after a while, the first ones served', async (t) => {
  const open = new Set<string>();
  let refuse = false;
  const triggers = new Triggers(
    {
      pressure: (file) => {
        if (refuse) throw new Error('no space');
        open.add(file);
        return { close: () => open.delete(file) };
      },
    },
    () => undefined,
  );
  const wanted = (...names: string[]): Wanted[] =>
    names.map((key) => ({ key, file: `/${key}`, threshold: { kind: 'some', stall: 150 } }));
  await triggers.sync(wanted('a', 'b', 'c'), 2, 0);
  t.deepEqual([...open], ['/a', '/b']);
  t.true(triggers.unobserved.get('c')?.crowded);
  await triggers.sync(wanted('b', 'c'), 2, 1);
  t.deepEqual([...open], ['/b', '/c'], 'room is used at once');
  t.is(triggers.unobserved.size, 0);
  refuse = true;
  await triggers.sync(wanted('d'), 2, 2);
  t.like(triggers.unobserved.get('d'), { reason: 'no space', crowded: false });
  refuse = false;
  await triggers.sync(wanted('d'), 2, 30_000);
  t.is(open.size, 0);
  await triggers.sync(wanted('d'), 2, 60_002);
  t.deepEqual([...open], ['/d']);
  triggers.close();
  t.is(open.size, 0);
});

function holding(scope: ScopeName, applied: readonly Applied[], lastKill: number | null = null): Ladder {
  const ladder = newLadder({ key: scope, scope, resource: 'memory', place: 'host' }, config(), 0);
  if (ladder === undefined) throw new Error('no ladder');
  ladder.state = { ...calm(0, applied), lastKill };
  return ladder;
}

test('of what several scopes hold, the tightest is in force', (t) => {
  const hold = (values: Applied['values']): Applied => {
    return { target: 'w', step: 'suppress', values, depth: 1, bytes: 0, at: 0 };
  };
  const weight = { file: 'cpu.weight', value: '1' };
  const ladders = [
    holding('host', [hold([weight, { file: 'cpu.max', value: '20000 100000' }])]),
    holding('tenant/acme', [hold([{ file: 'cpu.max', value: '9000 100000' }])]),
  ];
  t.deepEqual(valuesOf(ladders, 'w'), [weight, { file: 'cpu.max', value: '9000 100000' }]);
  t.deepEqual(valuesOf(ladders, 'other'), []);
});

test('a kill of the host counts for all, one of a tenant for it and the host', (t) => {
  const ladders = [holding('host', [], 100), holding('tenant/a', [], 300), holding('tenant/b', [])];
  t.is(latestKill(ladders, 'host'), 300);
  t.is(latestKill(ladders, 'tenant/a'), 300);
  t.is(latestKill(ladders, 'tenant/b'), 100);
  t.is(latestKill([], 'host'), null);
});

test('measures: rates, swap that anonymous memory can go to, io, limits of its own; gone is missing', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'berth-measure-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const dir = join(root, 'w');
  mkdirSync(dir);
  const put = (files: Readonly<Record<string, string | number>>): void => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), `${text}\n`);
  };
  writeFileSync(join(root, 'meminfo'), 'MemTotal: 4096 kB\nMemAvailable: 1024 kB\nSwapFree: 300 kB\n');
  const files = (n: number) => ({
    ...{
      'cgroup.controllers': 'cpu io memory',
      'memory.current': MIB * (10 + n),
      'memory.events': 'max 0',
      'memory.swap.current': 0,
      'memory.swap.max': 200_000,
    },
    ...{ 'memory.stat': 'anon 1000000\ninactive_file 1000\nactive_file 500', 'cpu.stat': `usage_usec ${n * 500_000}` },
    'io.stat': `8:0 rbytes=${n * 1000} wbytes=${n * 500} rios=9\n8:16 rbytes=${n} wbytes=0`,
    'memory.pressure': `some avg10=0 total=${n * 300_000}\nfull avg10=0 total=${n * 100_000}`,
  });
  const measure = new Measure(root);
  t.teardown(() => measure.close());
  const one = target('w', { dir, limit: { cpu: null, memory: 11 * MIB, io: false, burst: false } });
  const none = target('gone', { dir: join(root, 'gone') });
  put(files(0));
  await measure.sweep([one, none], new Set(RESOURCES), () => 1000);
  put(files(1));
  const seen = await measure.sweep([one, none], new Set(RESOURCES), () => 2000);
  t.false(seen.has('gone'));
  t.deepEqual(seen.get('w')?.usage('memory'), {
    ...{ memory: 11 * MIB, growth: MIB, reclaimable: 1500 + 200_000, cpu: 0.5, io: 1501 },
    ...{ some: 300, full: 100, selfLimited: true },
  });
  t.like(seen.get('w')?.usage('cpu'), { some: 0, selfLimited: false });
  // For cpu alone nothing is read of memory, and what memory did meanwhile is no leap afterwards.
  put(files(2));
  const some = await measure.sweep([one], new Set(['cpu']), () => 3000);
  t.like(some.get('w')?.usage('cpu'), { cpu: 0.5, memory: 0, growth: 0 });
  t.is(some.get('w')?.sample, undefined);
  put(files(3));
  const later = await measure.sweep([one], new Set(['memory']), () => 4000);
  t.like(later.get('w')?.usage('memory'), { memory: 13 * MIB, growth: MIB, cpu: 0.5, some: 300 });
});

test('cgroups of others by pattern, where they are', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'berth-watched-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['s/docker-1.scope', 's/docker-2.scope', 's/dockerx1.scope', 's/ssh.service'])
    mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 's/docker-3.scope'), '');
  t.deepEqual(watchedDirectories(root, ['s/docker-*.scope', 's/ssh.service', 'none/*']), [
    ...['s/docker-1.scope', 's/docker-2.scope', 's/ssh.service'].map((name) => join(root, name)),
  ]);
});
