// Stands for the jailer: takes its flags and makes the same jail, in a new pid namespace, of which the child that it leaves behind
// is the first process. What is not done as the real one does it: the child is Node, which enters the jail when it has read itself.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { check, func } from '../../../../../linux/libc.js';

const CLONE_NEWPID = 0x2000_0000;
const DEVICES = [
  ['dev/net/tun', 10, 200],
  ['dev/kvm', 10, 232],
  ['dev/urandom', 1, 9],
] as const;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const LIST = { type: 'string', multiple: true } as const;
const OPTIONS = {
  ...{ id: TEXT, 'exec-file': TEXT, uid: TEXT, gid: TEXT, 'chroot-base-dir': TEXT, netns: TEXT, 'parent-cgroup': TEXT },
  ...{ 'new-pid-ns': FLAG, daemonize: FLAG, cgroup: LIST, 'cgroup-version': TEXT, 'resource-limit': LIST },
} as const;

function jail(): void {
  const at = process.argv.indexOf('--', 2);
  const { values } = parseArgs({
    args: process.argv.slice(2, at < 0 ? undefined : at),
    options: OPTIONS,
    strict: true,
  });
  const { id = '', uid = '', gid = '' } = values;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) throw new Error(`InvalidInstanceId(${id})`);
  if (values.cgroup !== undefined || values['parent-cgroup'] !== undefined) throw new Error('it would make a cgroup');
  for (const limit of values['resource-limit'] ?? [])
    if (!/^(?:fsize|no-file)=\d+$/.test(limit)) throw new Error(`ResLimitFormat(${limit})`);
  const executable = realpathSync(values['exec-file'] ?? '');
  if (!basename(executable).includes('firecracker')) throw new Error(`ExecFileName(${executable})`);
  const root = join(realpathSync(values['chroot-base-dir'] ?? '/srv/jailer'), basename(executable), id, 'root');
  mkdirSync(root, { recursive: true });
  copyFileSync(executable, join(root, basename(executable)));
  for (const folder of ['', 'dev', 'dev/net', 'run']) {
    mkdirSync(join(root, folder), { recursive: true });
    chmodSync(join(root, folder), 0o700);
    chownSync(join(root, folder), Number(uid), Number(gid));
  }
  for (const [name, major, minor] of DEVICES) {
    const path = join(root, name);
    const made = spawnSync('mknod', ['-m', '600', path, 'c', String(major), String(minor)], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`MknodDev(${made.stderr})`);
    chownSync(path, Number(uid), Number(gid));
  }
  const pidFile = join(root, `${basename(executable)}.pid`);
  if (existsSync(pidFile) || !statSync(root).isDirectory()) throw new Error(`FileOpen(${pidFile})`);
  if (values['new-pid-ns'] !== true) throw new Error('only with --new-pid-ns');
  check(func('int unshare(int flags)')(CLONE_NEWPID), 'unshare');
  const program = fileURLToPath(new URL('./firecracker.js', import.meta.url));
  const passed = at < 0 ? [] : process.argv.slice(at + 1);
  const child = spawn(process.execPath, [program, root, uid, gid, '--id', id, ...passed], {
    ...{ detached: true, stdio: 'inherit', env: { BERTH_DOUBLE: process.env.BERTH_DOUBLE ?? '' }, cwd: '/' },
  });
  writeFileSync(pidFile, String(child.pid), { flag: 'wx' });
  process.exit(0);
}

if (process.argv.includes('--version')) process.stdout.write('Jailer v1.7.0\n\n');
else
  try {
    jail();
  } catch (error) {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
