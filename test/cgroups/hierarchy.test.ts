import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { cgroupOf, findHierarchy, parseMounts } from '../../cgroups/hierarchy.js';
import { fixture } from './fixture.js';

test('finds cgroup mounts of both kinds, with blanks in their names', (t) => {
  const mounts = parseMounts(readFileSync(`${fixture('proc/unified')}/self/mountinfo`, 'utf8'));
  t.deepEqual(
    mounts.map(({ point, root }) => [point, root]),
    [
      ['/srv/my mount', '/system.slice/x.service'],
      ['/sys/fs/cgroup', '/'],
    ],
  );
  const hybrid = parseMounts(readFileSync(`${fixture('proc/hybrid')}/self/mountinfo`, 'utf8'));
  t.deepEqual(
    hybrid.map(({ type, options }) => [type, options.at(-1)]),
    [
      ['cgroup', 'memory'],
      ['cgroup', 'name=systemd'],
      ['cgroup2', 'rw'],
    ],
  );
});

test('names the v2 cgroup of a process', (t) => {
  t.is(cgroupOf('self', fixture('proc/unified')), '/system.slice/berth.service');
});

test('agrees with this machine', (t) => {
  const hierarchy = findHierarchy();
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup2 ');
  t.is(hierarchy !== undefined, mounted);
  if (hierarchy !== undefined) t.true(existsSync(`${hierarchy.mount}/cgroup.controllers`));
});
