// Least privilege of a microVM whose VMM was taken over: what it sees from its jail, and what its user could do outside of it. The
// double looks around from inside, as the user of the VM.
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { eventually } from '../host.js';
import { bench, READY } from './bench.js';
import type { Sight } from './double/look-around.js';
import { UIDS } from './fixture.js';

/** What the jail has of its own: the files of the spec, what the jailer makes, and the socket. */
const OWN = [
  ...[
    '/config.json',
    '/dev',
    '/dev/kvm',
    '/dev/net',
    '/dev/net/tun',
    '/dev/urandom',
    '/firecracker',
    '/firecracker.pid',
  ],
  ...['/initrd', '/kernel', '/root', '/run', '/save'],
];
const WRITABLE = ['/dev', '/dev/kvm', '/dev/net', '/dev/net/tun', '/dev/urandom', '/root', '/run'];

/** Threads of a process, the first apart, as its own pid namespace numbers them. */
async function threadsInside(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const inside = tasks.map(async (thread) => {
    const [, number = ''] =
      /^NSpid:.*\s(\d+)$/m.exec(await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8')) ?? [];
    return Number(number);
  });
  return (await Promise.all(inside)).filter((number) => number !== 1).sort((a, b) => a - b);
}

async function may(uid: number, program: string, ...args: readonly string[]): Promise<boolean> {
  const drop = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs', '--', program];
  return promisify(execFile)('setpriv', [...drop, ...args], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

test('from its jail a microVM sees its own files and nobody, and its user can do nothing to another', async (t) => {
  t.timeout(60_000);
  const { host, image, driver, spec } = await bench(t);
  const images = { one: await image('one.img'), two: await image('two.img') };
  const other = await host.run(driver, spec('fc-2', { root: { path: images.two } }), null);
  const running = await host.run(driver, spec('fc-1', { root: { path: images.one } }, 'double.look'), null);
  await eventually(async () => (READY.test(await running.output()) ? true : undefined));
  await eventually(async () => (READY.test(await other.output()) ? true : undefined));

  const [, seen = '{}'] = /^double sees (.*)$/m.exec(await running.output()) ?? [];
  const { files, writable, pid, killable }: Sight = JSON.parse(seen);
  t.deepEqual([...files].sort(), OWN);
  t.deepEqual([...writable].sort(), WRITABLE);
  t.is(pid, 1);
  t.deepEqual(killable, await threadsInside(running.process.pid), 'its own threads');

  const uid = uidOf('fc-1', UIDS);
  const theirs = join(other.context.directory, 'jail', 'firecracker', 'vm', 'root');
  t.true(await may(uid, 'test', '-w', images.one), 'its own image');
  const attempts: readonly (readonly string[])[] = [
    ['test', '-r', images.two],
    ['test', '-r', join(theirs, 'kernel')],
    ['test', '-w', join(theirs, 'api.sock')],
    ['ls', other.context.directory],
    ['cat', `/proc/${other.process.pid}/environ`],
    ['ls', `/proc/${other.process.pid}/root/`],
    ['cat', `/proc/${other.process.pid}/maps`],
    ['kill', '-0', String(other.process.pid)],
  ];
  for (const [program = '', ...args] of attempts)
    t.false(await may(uid, program, ...args), `${program} ${args.join(' ')}`);
  // The same attempts succeed for whose they are, from which the failures above have their meaning.
  t.true(await may(uidOf('fc-2', UIDS), 'kill', '-0', String(other.process.pid)));
  t.true(await may(uidOf('fc-2', UIDS), 'test', '-r', images.two));
  t.is((await stat(images.two)).mode & 0o777, 0o600);

  for (const each of [running, other]) {
    process.kill(each.process.pid, 'SIGKILL');
    await each.exit;
  }
});
