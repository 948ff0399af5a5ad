import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { readCeilings } from '../../../agent/density/ceilings.js';
import { Density } from '../../../agent/density/density.js';
import { hostFiles } from '../../../agent/density/host-files.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specOf } from '../workload/fake-world.js';

const FILES: Readonly<Record<string, string>> = {
  'proc/sys/net/ipv4/neigh/default/gc_thresh3': '1024\n',
  'proc/net/stat/arp_cache': 'entries  allocs\n0000000a  00000004\n0000000a  00000002\n',
  'proc/sys/kernel/keys/root_maxkeys': '1000000\n',
  'proc/key-users': '    0:   112 111/111 108/1000000 2046/25000000\n 1000:     1 1/1 1/200 9/20000\n',
  'proc/sys/kernel/pid_max': '4194304\n',
  'proc/sys/kernel/threads-max': '23000\n',
  'proc/loadavg': '0.10 0.05 0.01 2/345 9876\n',
  'proc/self/limits':
    'Limit  Soft Limit  Hard Limit  Units\nMax open files            1048576              1048576              files\n',
  'proc/7/limits': 'Max open files            1024              unlimited              files\n',
  'proc/sys/fs/file-nr': '3744\t0\t9223372036854775807\n',
  'proc/sys/fs/file-max': '9223372036854775807\n',
  'proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t90\t1\nmemory\t0\t90\t1\n',
  'cg/cgroup.max.descendants': 'max\n',
  'cg/cgroup.stat': 'nr_descendants 12\nnr_dying_descendants 3\n',
};

function fixture(over: Readonly<Record<string, string>> = {}) {
  const root = temporaryDirectory('ceilings');
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries({ ...FILES, ...over })) write(path, text);
  for (const fd of ['0', '1', '2']) write(`proc/self/fd/${fd}`, '');
  for (const fd of ['0', '1']) write(`proc/7/fd/${fd}`, '');
  for (const port of ['a', 'b', 'c']) write(`sys/class/net/br0/brif/${port}/x`, '');
  return { write, files: hostFiles({ root, cgroup: join(root, 'cg'), supervisor: 7, bridges: ['br0', 'gone'] }) };
}

test('limits of the kernel and what is used of them, as far as there are any', (t) => {
  const found = Object.fromEntries(readCeilings(fixture().files).map(({ name, limit, used }) => [name, [limit, used]]));
  t.like(found, {
    bridge_ports: [1023, 3],
    neighbours: [1024, 10],
    keys: [1_000_000, 108],
    pid_max: [4_194_304, 345],
    threads_max: [23_000, 345],
    agent_files: [1_048_576, 3],
    supervisor_files: [1024, 2],
    files: [2 ** 63, 3744],
    memory_cgroups: [65_535, 90],
  });
  t.is(found.descendants, undefined, 'max is no limit');
  t.is(found.conntrack, undefined, 'no such file');
});

function densityOf(files: ReturnType<typeof hostFiles>, config: object = {}) {
  const events: string[] = [];
  const density = new Density({
    config: configSchema.parse({ paths: { state: temporaryDirectory('state') }, ...config }),
    host: { cores: 64, memoryBytes: 2 ** 38, addresses: 65_534 },
    bootId: 'b',
    files,
    onEvent: ({ type }) => events.push(type),
    onDamaged: () => undefined,
    onError: () => undefined,
  });
  return { density, events };
}

test('what workloads consume of a ceiling is a dimension, with a margin and what others have left out', (t) => {
  const { density } = densityOf(fixture().files);
  const row = (dimension: string) => density.rows().find((one) => one.scope === 'host' && one.dimension === dimension);
  t.like(row('neighbours'), { capacity: 1024, kept: 52 + 10, allocatable: 962, used: 10 });
  t.like(row('pids'), { capacity: 23_000, allocatable: 87_400, used: 345 });
  t.like(row('fds'), { capacity: 1_048_576, used: 3 });
  t.is(row('taps'), undefined, 'without a limit nor a use it is not there');
});

test('at a ceiling admission refuses by its name, and the doctor says which ceilings are in the way', (t) => {
  const { density } = densityOf(fixture().files);
  const driver = { overhead: 0, tap: false };
  let admitted = 0;
  for (; admitted < 1000; admitted++) {
    const demand = density.demand(specOf({ id: `w${admitted}` }), driver);
    if (density.ledger.check(`w${admitted}`, demand).length > 0) break;
    density.commit(`w${admitted}`, demand);
  }
  t.is(admitted, 481);
  const [refusal] = density.ledger.check('next', density.demand(specOf({ id: 'next' }), driver));
  t.like(refusal, { scope: 'host', dimension: 'neighbours', limit: 962, used: 962, requested: 2, shortBy: 2 });
  t.regex(refusal?.hint ?? '', /doctor --fix.*gc_thresh3/);
  t.deepEqual(density.status().inTheWay, [
    'neighbours 1024 is enough for 481 of 1000 workloads (sysctl net.ipv4.neigh.default.gc_thresh3)',
  ]);
});

test('a ceiling that was lifted, or is nearly reached, is noticed at the next look and told once', (t) => {
  const { write, files } = fixture();
  const { density, events } = densityOf(files);
  write('proc/sys/net/ipv4/neigh/default/gc_thresh3', '8192\n');
  write('proc/key-users', '    0:   112 111/111 999000/1000000 2046/25000000\n');
  density.look();
  density.look();
  t.deepEqual(density.status().inTheWay, [
    'keys 1000000 is enough for 0 of 1000 workloads (sysctl kernel.keys.root_maxkeys)',
  ]);
  t.deepEqual(density.status().near, ['keys 999000 of 1000000']);
  t.deepEqual(events, ['ceiling.near']);
});

test('of two ceilings on the same thing, the lower one is in the way, by what a workload is said to take', (t) => {
  const { files } = fixture({
    ...{ 'proc/sys/net/ipv4/neigh/default/gc_thresh3': '8192\n', 'cg/cgroup.max.descendants': '112\n' },
    'proc/self/limits': 'Max open files            1024              1048576              files\n',
  });
  const { density } = densityOf(files, { density: { max_workloads: 100, per_workload: { fds: 97 } } });
  t.deepEqual(density.status().inTheWay, [
    'agent_files 1024 is enough for 10 of 100 workloads',
    'descendants 112 is enough for 94 of 100 workloads',
  ]);
});

test('ports of a bridge that others have are not given out', (t) => {
  const { density } = densityOf(fixture().files, { network: { bridge: { br0: { pool: '10.140.0.0/25' } } } });
  t.like(
    density.rows().find(({ scope }) => scope === 'bridge/br0'),
    { capacity: 1023, kept: 55, allocatable: 968 },
  );
});

test('what others have of a ceiling does not shrink when workloads come between two looks', (t) => {
  const { density } = densityOf(fixture().files, { licence: { db: {} } });
  const kept = () => density.rows().find((one) => one.scope === 'host' && one.dimension === 'neighbours')?.kept;
  const before = kept();
  density.commit('a', density.demand(specOf({ id: 'a' }), { overhead: 0, tap: false }));
  density.refresh();
  t.is(kept(), before);
  density.look();
  t.is(kept(), (before ?? 0) - 2, 'what is used is that of the workload now, as far as can be told');
});

test('open files of a process are as many as the kernel lists', async (t) => {
  // Of one that opens nothing meanwhile.
  const child = spawn('cat');
  t.teardown(() => child.kill());
  child.stdin.write('here');
  await once(child.stdout, 'data');
  t.is(hostFiles().openFiles(child.pid ?? 0), readdirSync(`/proc/${child.pid}/fd`).length);
  t.true((hostFiles().openFiles('self') ?? 0) > 3);
  t.is(hostFiles().openFiles(2 ** 30), undefined);
});
