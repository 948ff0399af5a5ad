import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { HostLoad } from '../../../agent/metrics/host-load.js';
import { type SampleView, topRow } from '../../../agent/metrics/top.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specOf } from '../workload/fake-world.js';
import { statsOf } from './fixture.js';

const spec = specOf({ resources: { cpu: { limit: 2 }, memory: { limit: '256Mi' } } });
const running = { id: 'web-1', state: 'running', since: 5, restarts: 1, spec } as const;
const sampled = (step: number, at: number) => ({
  ...{
    at,
    stats: statsOf(0, step),
    link: undefined,
    drops: undefined,
    ksmProfit: undefined,
    vm: undefined,
    ready: undefined,
    restarts: 1,
    startedAt: 1,
  },
});
const samples = (...[before, latest]: ReturnType<typeof sampled>[]): SampleView => ({
  latest: () => latest ?? before,
  interval: () => (before && latest ? { before, latest } : undefined),
});

test('use and pressure are those between the last two samples', (t) => {
  // A step is 1.250001 s of cpu and 1.5 ms of stall.
  const row = topRow(running, samples(sampled(1, 1000), sampled(3, 6000)), undefined);
  t.is(row.cpu?.toFixed(3), '0.500');
  t.is(row.pressure.memory?.toFixed(4), '0.0006');
  t.like(row, { id: 'web-1', state: 'running', cpuLimit: 2, memoryLimitBytes: 256 * 2 ** 20, pids: 3, waiting: null });
});

test('what is not known is null, and never a figure of before', (t) => {
  const nothing = { cpu: null, pressure: { cpu: null, memory: null, io: null } };
  t.like(topRow(running, samples(sampled(1, 1000)), undefined), { ...nothing, pids: 3 }, 'one sample');
  t.like(topRow(running, samples(), undefined), { ...nothing, memoryBytes: null, memoryLimitBytes: 256 * 2 ** 20 });
  t.is(topRow(running, samples(sampled(3, 1000), sampled(1, 6000)), undefined).cpu, null, 'started anew');
  t.is(topRow(running, samples(sampled(1, 1000), sampled(2, 1000)), undefined).cpu, null, 'no time between');
  const over = topRow({ ...running, state: 'exited' }, samples(sampled(1, 1000), sampled(3, 6000)), undefined);
  t.like(over, { ...nothing, memoryBytes: null, pids: null });
  const waiting = { reason: 'start_queue', ahead: 0, expectedMs: 1, waitedMs: 1 } as const;
  t.deepEqual(topRow({ ...running, state: 'pending' }, samples(), waiting).waiting, waiting);
});

test('the host: use between two samples, and what its kernel does not say is null', (t) => {
  const proc = temporaryDirectory('proc');
  const write = (idle: number, busy: number, stalled: number) => {
    writeFileSync(join(proc, 'stat'), `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\n`);
    writeFileSync(join(proc, 'meminfo'), 'MemTotal: 1024 kB\nMemAvailable: 256 kB\n');
    mkdirSync(join(proc, 'pressure'), { recursive: true });
    for (const name of ['cpu', 'memory', 'io'])
      writeFileSync(
        join(proc, 'pressure', name),
        `some avg10=0.00 avg60=0.00 avg300=0.00 total=${stalled}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`,
      );
  };
  const load = new HostLoad({ cpus: 4, memoryBytes: 2 ** 20 }, proc);
  const unknown = { cpu: null, memory: null, io: null };
  t.deepEqual(load.use(), { cpus: 4, cpu: null, memoryBytes: 2 ** 20, memoryUsedBytes: null, pressure: unknown });
  write(100, 100, 0);
  load.sample(1000);
  t.like(load.use(), { cpu: null, memoryUsedBytes: 768 * 1024, pressure: unknown });
  write(250, 150, 250_000);
  load.sample(2000);
  t.like(load.use(), { cpu: 1, pressure: { cpu: 0.25, memory: 0.25, io: 0.25 } });
  t.like(load.stalls()?.memory, { someUsec: 250_000, fullUsec: 7 });
  rmSync(join(proc, 'pressure'), { recursive: true });
  load.sample(3000);
  t.like(load.use(), { cpu: null, pressure: unknown }, 'no tick since, no pressure files');
  t.is(load.stalls(), undefined);
});
