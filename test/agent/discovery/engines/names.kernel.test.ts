// Whose a cgroup is decides whether its name is believed: a user makes any name below what is delegated to that user.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findNamed } from '../../../../agent/discovery/engines/names.js';
import { findHierarchy } from '../../../../cgroups/hierarchy.js';

const USER = 12_345;

test('below a cgroup that is delegated to a user nothing is believed, and what is empty is not counted', async (t) => {
  const mount = join(findHierarchy()?.mount ?? '', `berth-test-names-${process.pid}`);
  const made = [
    '',
    'user',
    'user/lxc.payload.forged',
    'lxc.payload.empty',
    'lxc.payload.web',
    'lxc.payload.web/inside',
  ];
  for (const path of made) mkdirSync(join(mount, path));
  t.teardown(() => {
    for (const path of made.toReversed()) rmdirSync(join(mount, path));
  });
  // As unprivileged containers of LXC and Incus are: what is in them is theirs, what holds them is root's.
  for (const path of ['user', 'user/lxc.payload.forged', 'lxc.payload.web']) chownSync(join(mount, path), USER, USER);
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const enter = (path: string): void => writeFileSync(join(mount, path, 'cgroup.procs'), `${child.pid}`);
  const found = async (): Promise<string[]> => {
    const all = await findNamed(mount, '', 10, new AbortController().signal);
    return all.found.map(({ id }) => id);
  };
  enter('lxc.payload.web/inside');
  t.deepEqual(await found(), ['web']);
  enter('user/lxc.payload.forged');
  t.deepEqual(await found(), []);
});
