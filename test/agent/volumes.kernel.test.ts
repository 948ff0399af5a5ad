// Named volumes on the whole agent: shared by name within a tenant, kept over workloads and agents, deleted when nobody mounts them.
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';

const CGROUP = `berth-volumes-${process.pid}`;

let host: OwnHost;
let agent: OwnAgent;
let rootfs: string;

const berth = (...args: readonly string[]) => agent.berth(args);
const create = (spec: Readonly<Record<string, unknown>>) =>
  agent.berth(['workload', 'create', '-f', '-'], { network: { mode: 'none' }, ...spec });
const inside = (id: string, line: string): string => {
  const { status, stdout, stderr } = berth('exec', id, '--', '/bin/sh', '-c', line);
  return status === 0 ? stdout : `${status}: ${stderr}`;
};
const data = (more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'volume',
  name: 'data',
  target: '/data',
  ...more,
});
const command = ['/bin/sleep', '1000000'];

test.before(async () => {
  host = await openHost();
  chmodSync(host.directory, 0o755);
  rootfs = join(host.directory, 'rootfs');
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const name of ['sh', 'cat', 'sleep', 'stat', 'ls']) symlinkSync('busybox', join(rootfs, 'bin', name));
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start, cgroup: CGROUP },
    env: { BERTH_NETWORK_POOL: '10.218.2.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
  });
  await agent.start();
});

test.after.always(async () => {
  await agent?.end();
  host?.end();
});

test.serial('two workloads share one by its name, as its mounts say; another tenant has another', (t) => {
  const oci = { driver: 'oci', oci: { rootfs, command, user: '1234:1234' } };
  t.is(create({ id: 'one', ...oci, mounts: [data()] }).stderr, '');
  t.is(create({ id: 'two', ...oci, mounts: [data({ readOnly: true })] }).stderr, '');
  t.is(create({ id: 'alien', tenant: 'other', ...oci, mounts: [data()] }).stderr, '');
  t.is(inside('one', 'echo kept >/data/file; stat -c %u:%g:%a /data'), '1234:1234:755\n');
  t.is(inside('two', 'cat /data/file'), 'kept\n');
  t.regex(inside('two', 'echo x >/data/file'), /Read-only file system/);
  t.is(inside('alien', 'ls /data'), '');
});

test.serial('in a sandbox of driver exec, too, with the owner that the mount says', (t) => {
  const made = create({
    id: 'box',
    driver: 'exec',
    exec: { command },
    mounts: [data({ name: 'box', target: '/box-data', uid: 77, mode: '1777' })],
  });
  t.is(made.stderr, '');
  t.is(inside('box', 'echo x >/box-data/f; stat -c %u:%a /box-data'), '77:1777\n');
});

test.serial('listed with its users; in use it stays, and it outlives workload and agent', async (t) => {
  const listed = (): { tenant: string; name: string; usedBy: string[] }[] =>
    JSON.parse(berth('volume', 'ls', '--json').stdout).volumes;
  t.deepEqual(
    listed().map(({ tenant, name, usedBy }) => [tenant, name, ...usedBy]),
    [
      ['default', 'box', 'box'],
      ['default', 'data', 'one', 'two'],
      ['other', 'data', 'alien'],
    ],
  );
  const refused = berth('volume', 'rm', 'data');
  t.is(refused.status, 1);
  t.regex(refused.stderr, /volume "data" is mounted by workload "one" and 1 more/);
  t.is(berth('delete', 'one', 'two', 'box', '--now').status, 0);
  await agent.kill('SIGKILL');
  await agent.start();
  const again = { id: 'again', driver: 'oci', oci: { rootfs, command, user: '1234:1234' }, mounts: [data()] };
  t.is(create(again).stderr, '');
  t.is(inside('again', 'cat /data/file'), 'kept\n');
  t.is(berth('volume', 'prune', '--dry-run').stdout, 'box of tenant default would be deleted\n');
  t.is(berth('volume', 'prune').stdout, 'box of tenant default deleted\n');
  t.is(berth('delete', 'again', '--now').status, 0);
  t.deepEqual([berth('volume', 'rm', 'data').stdout, berth('volume', 'rm', 'data').status], ['data deleted\n', 4]);
  t.false(existsSync(join(host.directory, 'state', 'volumes', 'default', 'data')));
  t.deepEqual(
    listed().map(({ tenant }) => tenant),
    ['other'],
  );
  t.regex(berth('events', '--type', 'volume.deleted').stdout, /data/);
});

test.serial('a size is refused with what to do instead, and so is a name that leads elsewhere', (t) => {
  const exec = { id: 'bad', driver: 'exec', exec: { command } };
  t.regex(create({ ...exec, mounts: [data({ size: '1Gi' })] }).stderr, /berth sets no quota on a volume/);
  t.regex(create({ ...exec, mounts: [data({ name: '../x' })] }).stderr, /mounts\.0\.name/);
});
