import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { capacity } from '../../../agent/placement/capacity.js';
import { conditions, type Described, describe } from '../../../agent/placement/describe.js';
import { readForeign, violations } from '../../../agent/placement/foreign.js';
import { NOBODY, place } from '../../../agent/placement/place.js';
import { rows } from '../../../agent/placement/rows.js';
import type { PlacementRequest, PlacementSettings } from '../../../agent/placement/types.js';
import { machine, type Shape } from '../host/machine.js';
import { alone, naming, SETTINGS, sharing } from './fixture.js';

function described(
  shape: Shape,
  requests: readonly PlacementRequest[],
  more: Partial<PlacementSettings> = {},
  failures: ReturnType<Described['failures']> = [],
): Described {
  const topology = machine(shape);
  const settings = { ...SETTINGS, ...more };
  const assignment = place(topology, requests, NOBODY, settings);
  return {
    ...{ topology, settings, requests, assignment },
    capacity: () => capacity(topology, assignment, settings),
    failures: () => failures,
  };
}

const TWO: Shape = { sockets: 2, coresPerCache: 4, threads: 2, isolated: [7, 15] };

test('every cpu has a use, and every workload that asked for something a sentence', (t) => {
  const of = described(TWO, [alone('a', 3), naming('n', [6]), sharing('s'), sharing('r')]);
  const { cpus, workloads, sharing: others, pool, capacity: left } = describe(of, []);
  const used = (use: string) => cpus.filter((cpu) => cpu.use === use).map(({ id }) => id);
  t.deepEqual(used('reserved'), [0, 8]);
  t.deepEqual(used('exclusive'), [4, 5, 12]);
  t.deepEqual(used('idle'), [13]);
  t.deepEqual(used('isolated'), [7, 15]);
  t.deepEqual(used('shared'), [1, 2, 3, 6, 9, 10, 11, 14]);
  t.deepEqual(
    cpus.find(({ id }) => id === 6),
    { id: 6, core: 6, llc: 1, node: 1, socket: 1, use: 'shared', holders: ['n'] },
  );
  t.is(pool, '0-3,6,8-11,14');
  t.is(others, 2);
  t.deepEqual(workloads, [
    {
      id: 'a',
      tenant: 'default',
      kind: 'exclusive',
      cpus: '4-5,12',
      mems: '1',
      reason:
        'Class guaranteed with a cpu limit of 3: 3 exclusive cpus in one last-level cache on NUMA node 1, memory from there, 1 sibling thread kept idle',
    },
    { id: 'n', tenant: 'default', kind: 'listed', cpus: '6', mems: '', reason: 'Its spec names its cpus' },
  ]);
  t.deepEqual(left, {
    exclusive: 12,
    held: 4,
    free: 6,
    largestInNode: 6,
    largestInCache: 6,
    isolated: 2,
    pool: 10,
    reserved: 2,
  });
});

test('without the policy or the controller nothing can be exclusive', (t) => {
  for (const more of [{ policy: 'none' as const }, { cpuset: false }]) {
    const { topology, assignment, settings } = described(TWO, [alone('a', 2)], more);
    t.like(capacity(topology, assignment, settings), { exclusive: 0, held: 0, free: 0, largestInNode: 0, pool: 14 });
  }
});

test('people get one row for each use on a node', (t) => {
  const found = rows(describe(described(TWO, [alone('a', 3)]), []));
  t.deepEqual(
    found.map(({ cpus, node, cores, caches, use, holders }) => [cpus, node, cores, caches, use, holders].join(' | ')),
    [
      '0,8 | 0 | 0 | 0 | reserved | ',
      '1-2,9 | 0 | 1-2 | 0 | exclusive | a',
      '3,11 | 0 | 3 | 0 | shared | ',
      '4-6,12-14 | 1 | 4-6 | 1 | shared | ',
      '7,15 | 1 | 7 | 1 | isolated | ',
      '10 | 0 | 2 | 0 | idle | a',
    ],
  );
});

test('an exclusive cpu that the host may use is a violation, an isolated one is not', (t) => {
  const { topology, assignment } = described(TWO, [alone('a', 2), alone('vm', 2, { vcpus: 2 })]);
  const foreign = [
    { cgroup: 'system.slice', cpus: undefined },
    { cgroup: 'user.slice', cpus: [0, 1] },
    { cgroup: 'init.scope', cpus: [0, 8] },
  ];
  t.deepEqual(violations(topology, assignment, foreign), [
    { cpu: 1, holder: 'a', open: ['system.slice', 'user.slice'] },
    { cpu: 9, holder: 'a', open: ['system.slice'] },
  ]);
  t.deepEqual(violations(topology, assignment, foreign.slice(2)), []);
});

test('foreign are the siblings on the way to our own cgroup', async (t) => {
  const mount = await mkdtemp(join(tmpdir(), 'berth-foreign-'));
  t.teardown(() => rm(mount, { recursive: true }));
  const own = 'berth.slice/berth-workloads.service';
  for (const path of [`${own}/acme/a`, 'berth.slice/other.service', 'system.slice/sshd.service', 'init.scope'])
    await mkdir(join(mount, path), { recursive: true });
  await writeFile(join(mount, 'cgroup.procs'), '');
  await writeFile(join(mount, 'system.slice/cpuset.cpus.effective'), '0,4\n');
  const found = readForeign(mount, `/${own}`).sort((a, b) => (a.cgroup < b.cgroup ? -1 : 1));
  t.deepEqual(found, [
    { cgroup: 'berth.slice/other.service', cpus: undefined },
    { cgroup: 'init.scope', cpus: undefined },
    { cgroup: 'system.slice', cpus: [0, 4] },
  ]);
  t.deepEqual(readForeign(join(mount, 'absent'), own), []);
});

test('conditions name who, why and what to do', (t) => {
  t.deepEqual(conditions(described(TWO, [alone('a', 2), sharing('s')]), []), []);
  const [missing] = conditions(described(TWO, [alone('a', 2)], { cpuset: false }), []);
  t.like(missing, { code: 'placement_no_cpuset', severity: 'warning' });
  t.regex(missing?.why ?? '', /cpuset.*: a\.$/);
  t.deepEqual(conditions(described(TWO, [sharing('a')], { cpuset: false }), []), []);
  const failure = { id: 's', reason: 'write: EBUSY', attempts: 3 };
  const of = described(TWO, [alone('a', 2), alone('big', 40)], {}, [failure]);
  const found = conditions(of, violations(of.topology, of.assignment, [{ cgroup: 'user.slice', cpus: undefined }]));
  t.deepEqual(
    found.map(({ code }) => code),
    ['placement_refused', 'placement_not_written', 'placement_not_alone'],
  );
  t.is(found[0]?.why, 'big: it needs 40 exclusive cpus; 10 of 12 are free');
  t.is(found[1]?.why, 's: write: EBUSY');
  t.regex(found[2]?.why ?? '', /user\.slice/);
  t.regex(found[2]?.fix ?? '', /AllowedCPUs=0,2-6,8,10-14,/);
});
