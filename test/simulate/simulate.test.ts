import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { fc } from '../runner/property.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { FakeClock } from './clock.js';
import { generateDay, generateStorm } from './generate.js';
import { conditionOf } from './model.js';
import { percentiles } from './outcome.js';
import { findPolicy, policies } from './policy.js';
import { simulate } from './run.js';
import { thin, ticks, toSvg } from './svg.js';
import { parseTrace, type Trace } from './trace.js';

const GIB = 2 ** 30;
const cli = fileURLToPath(new URL('./cli.js', import.meta.url));
const cores = 4;

const storm = (policy: string, over: Partial<Parameters<typeof simulate>[0]> = {}) =>
  simulate({
    trace: generateStorm({ seed: 3, cores }),
    policy: findPolicy(policy, cores),
    size: { cores, memoryBytes: 16 * GIB },
    ...{ hosts: 1, seed: 3, model: { contention: 0.05 } },
    ...over,
  });

test('the clock runs timers in order, those set by promises included, and none that was called off', async (t) => {
  const clock = new FakeClock();
  const seen: string[] = [];
  clock.setTimer(20, () => void seen.push(`b${clock.now()}`));
  clock.setTimer(
    10,
    () => void Promise.resolve().then(() => clock.setTimer(5, () => void seen.push(`a${clock.now()}`))),
  );
  clock.setTimer(12, () => void seen.push('never'))();
  await clock.runUntil(100);
  t.deepEqual(seen, ['a15', 'b20']);
  t.is(clock.now(), 100);
});

test('the clock is a heap: any timers come in order of time, then of their making', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 60 }), async (times) => {
      const clock = new FakeClock();
      const seen: [number, number][] = [];
      for (const [at, ms] of times.entries()) clock.setTimer(ms, () => void seen.push([ms, at]));
      await clock.runUntil(50);
      t.deepEqual(
        seen,
        [...seen].sort((a, b) => a[0] - b[0] || a[1] - b[1]),
      );
      t.is(seen.length, times.length);
    }),
  );
});

test('the same seed gives the same outcome, another one another', async (t) => {
  const [one, same, other] = await Promise.all([
    storm('governor'),
    storm('governor'),
    storm('governor', { trace: generateStorm({ seed: 4, cores }), seed: 4 }),
  ]);
  t.deepEqual(one, same);
  t.notDeepEqual(one.ready, other.ready);
});

test('nothing is lost: what was asked for was admitted or refused, and what was admitted came to run', async (t) => {
  for (const name of ['none', 'cap', 'governor']) {
    const { asked, admitted, refusals, running, expired, storms } = await storm(name);
    const refused = Object.values(refusals).reduce((sum, count) => sum + count, 0);
    t.is(asked, 200);
    t.is(admitted + refused, asked);
    t.is(running.most + expired, admitted);
    t.not(storms[0]?.seconds, null, name);
  }
});

test('with the governor a storm presses far less than without, and is not over later', async (t) => {
  const [without, governed] = await Promise.all([storm('none'), storm('governor')]);
  t.true(governed.excessSeconds * 10 < without.excessSeconds);
  t.true((governed.storms[0]?.seconds ?? 1e9) <= (without.storms[0]?.seconds ?? 0));
  t.true(governed.worst.cpu < without.worst.cpu);
});

test('the ledger refuses by its dimensions, and a full queue by its own', async (t) => {
  const small = await storm('cpu-x1');
  t.true((small.refusals.cpu ?? 0) > 0);
  const policy = findPolicy('governor', cores);
  const { config } = policy;
  const short = await storm('governor', {
    policy: { ...policy, config: { ...config, governor: { ...config.governor, max_queue: 10 } } },
  });
  t.true((short.refusals['start queue'] ?? 0) > 0);
});

test('after a boot all that ran runs again', async (t) => {
  const trace: Trace = { ...generateStorm({ seed: 3, cores }), boots: [600_000] };
  const { storms, running, readings } = await storm('governor', { trace });
  t.deepEqual(
    storms.map(({ size }) => size),
    [200, running.most],
  );
  t.true(storms.every(({ seconds }) => seconds !== null));
  t.is(readings.at(-1)?.running, running.most);
});

test('more hosts hold more', async (t) => {
  const [one, two] = await Promise.all([storm('cpu-x1'), storm('cpu-x1', { hosts: 2 })]);
  t.true(two.running.most > one.running.most * 1.8);
});

test('the model: nobody waits on a host with room, and everybody gets less on one without', (t) => {
  const host = { cores: 4, memoryBytes: GIB };
  const calm = conditionOf({ ...host, cpuWanted: 4, memoryUsed: 0.5 * GIB }, { contention: 0.1 });
  t.deepEqual(calm, { share: 1, progress: 1, cpuPressure: 0, memoryPressure: 0 });
  const busy = conditionOf({ ...host, cpuWanted: 6, memoryUsed: 0 }, { contention: 0 });
  t.is(busy.cpuPressure, 0.5);
  t.is(busy.progress, 4 / 6);
  t.true(conditionOf({ ...host, cpuWanted: 6, memoryUsed: 0 }, { contention: 0.1 }).progress < busy.progress);
  t.true(conditionOf({ ...host, cpuWanted: 1, memoryUsed: 0.98 * GIB }, { contention: 0 }).memoryPressure > 0.5);
});

test('a generated day survives being written down; traces that make no sense are refused with the field', (t) => {
  const day = generateDay({ seed: 1, cores: 2 });
  t.deepEqual(parseTrace(JSON.stringify(day)), day);
  const broken = (change: (arrival: Record<string, unknown>) => void) => {
    const copy = structuredClone(day) as unknown as { arrivals: Record<string, unknown>[] };
    const [first] = copy.arrivals;
    if (first) change(first);
    return () => parseTrace(JSON.stringify(copy));
  };
  t.throws(
    broken((a) => Object.assign(a, { at: -1 })),
    { message: /arrivals.0.at/ },
  );
  t.throws(
    broken((a) => Object.assign(a, { cpu: { request: 0, limit: 1 } })),
    { message: /arrivals.0.cpu.request/ },
  );
  t.throws(
    broken((a) => Object.assign(a, { id: day.arrivals[1]?.id })),
    { message: /two arrivals/ },
  );
  t.throws(
    broken((a) => Object.assign(a, { colour: 'red' })),
    { message: /colour/ },
  );
});

test('a berth.toml is a policy; a wrong one is told by its key', (t) => {
  const directory = temporaryDirectory('policy');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'night.toml');
  writeFileSync(file, '[density]\ncpu_overcommit = 8\n[governor]\nmax_settling = 1\n');
  t.like(findPolicy(file, 4), {
    name: 'night',
    config: { density: { cpu_overcommit: 8 }, governor: { max_settling: 1 } },
  });
  writeFileSync(file, '[governor]\nspeed = 1\n');
  t.throws(() => findPolicy(file, 4), { message: /governor/ });
  t.throws(() => findPolicy('nonsense', 4), { message: /known: none, cap/ });
  t.is(new Set(policies(4).map(({ name }) => name)).size, policies(4).length);
});

test('percentiles are values that were there', (t) => {
  t.deepEqual(percentiles([3, 1, 2]), { p50: 2, p99: 3, most: 3 });
  t.deepEqual(percentiles([]), { p50: 0, p99: 0, most: 0 });
});

test('ticks are round, few, and around both ends', (t) => {
  t.deepEqual(ticks(0, 24), [0, 5, 10, 15, 20, 25]);
  const number = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(number, number, (a, b) => {
      const [least, most] = [Math.min(a, b), Math.max(a, b)];
      const list = ticks(least, most);
      t.true((list[0] ?? 1e9) <= least + 1e-6 && (list.at(-1) ?? 0) >= most - 1e-3 * (most - least) - 1e-6);
      t.true(list.length <= 8, `${list}`);
    }),
  );
});

test('a plot has its labels, escaped, and of many points keeps the peaks', (t) => {
  const points = Array.from({ length: 5000 }, (_, at) => [at, at === 2345 ? 99 : 1] as const);
  t.true(thin(points).length <= 1000);
  t.true(thin(points).some(([, y]) => y === 99));
  const svg = toSvg({ title: 'a < b', x: 'hours', y: 'cpus & more', series: [{ name: '"one"', points }] });
  for (const text of ['a &lt; b', 'hours', 'cpus &amp; more', '&quot;one&quot;']) t.true(svg.includes(text), text);
  t.false(/NaN|undefined|Infinity/.test(svg));
});

test('the command writes a report with plots, the same twice, and says what it does not know', (t) => {
  const directory = temporaryDirectory('simulate');
  const args = [cli, '--cores', '2', '--policy', 'none,governor', '--out', directory];
  const first = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  t.regex(first, /\| governor \| 100 of 100 \|/);
  t.deepEqual(readdirSync(directory).sort(), [
    ...['bound.svg', 'cpu.svg', 'density.svg', 'memory.svg', 'outcomes.json', 'queue.svg', 'report.md'],
  ]);
  const report = readFileSync(join(directory, 'report.md'), 'utf8');
  t.true(report.startsWith(first.trimEnd()));
  t.is(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), first);
  const wrong = spawnSync(process.execPath, [cli, '--generate', 'week'], { encoding: 'utf8' });
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /day or storm, not "week"/);
});
