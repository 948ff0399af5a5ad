import test from 'ava';
import { dependencies } from '../../agent/drivers/guest/modules.js';
import { cacheRoot } from './cache.js';
import { contentHash, guestInit, loadOrder } from './guest-recipe.js';
import { quote } from './host.js';
import { bootstrapArguments } from './image.js';
import { imageRecipe } from './image-recipe.js';
import { notInstalled } from './prerequisites.js';
import { run } from './process.js';
import { lineProgress } from './progress.js';
import { qemuArguments, snapshotIdentity } from './qemu.js';
import { sshArguments } from './ssh.js';
import { poll, scaled } from './timing.js';

const machine = {
  ...{ kernel: '/k', initrd: '/i', disk: '/d', memoryMiB: 3072, cpus: 2, sshPort: 2222 },
  ...{ qmpSocket: '/q', consoleLog: '/c' },
};

test('the cache is where the environment says, and never in the checkout', (t) => {
  t.is(cacheRoot({ BERTH_LAB_CACHE: '/x', XDG_CACHE_HOME: '/y' }), '/x');
  t.is(cacheRoot({ XDG_CACHE_HOME: '/y' }), '/y/berth-lab');
  t.regex(cacheRoot({}), /\/\.cache\/berth-lab$/);
});

test('the content hash follows the content', (t) => {
  const recipe = imageRecipe();
  t.is(contentHash(recipe), contentHash(imageRecipe()));
  t.not(contentHash(recipe), contentHash({ ...recipe, packages: [...recipe.packages, 'strace'] }));
  t.regex(contentHash(recipe), /^[0-9a-f]{16}$/);
});

test('mmdebstrap gets the suite and no mirror', (t) => {
  const args = bootstrapArguments(imageRecipe(), '/early', '/tree');
  t.deepEqual(args.slice(-2), ['trixie', '/tree']);
  t.false(args.some((arg) => arg.includes('://')));
});

test('modules load after what they depend on, once', (t) => {
  const depends: Record<string, string[]> = { virtio_net: ['net_failover'], net_failover: ['failover'] };
  const order = loadOrder(['virtio_mmio', 'virtio_net', 'failover'], (name) => depends[name] ?? []);
  t.deepEqual(order, ['virtio_mmio', 'failover', 'net_failover', 'virtio_net']);
  t.throws(() => loadOrder(['a'], (name) => [name === 'a' ? 'b' : 'a']), { message: /a -> b -> a/ });
});

test('a module tells its own dependencies', (t) => {
  t.deepEqual(dependencies(Buffer.from('x\0license=GPL\0depends=net_failover,virtio-ring\0name=y\0')), [
    'net_failover',
    'virtio_ring',
  ]);
  t.deepEqual(dependencies(Buffer.from('\0depends=\0')), []);
});

test("the guest's init loads modules in order and keeps its shell variables", (t) => {
  const init = guestInit(['failover', 'virtio_net']);
  t.true(init.startsWith('#!/bin/busybox sh\n'));
  t.true(init.includes('for module in failover virtio_net; do'));
  t.regex(init, /ip=\$\{word#ip=\}/);
});

test('QEMU forwards ssh on loopback only and loads a snapshot on request', (t) => {
  const args = qemuArguments(machine);
  t.true(args.includes('user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22'));
  t.false(args.includes('-loadvm'));
  t.deepEqual(qemuArguments({ ...machine, loadSnapshot: 'booted' }).slice(-2), ['-loadvm', 'booted']);
});

test('a snapshot belongs to a QEMU version and a machine size, not to a port', (t) => {
  const one = contentHash(snapshotIdentity('7.2', 3072, 2));
  t.is(one, contentHash(snapshotIdentity('7.2', 3072, 2)));
  t.not(one, contentHash(snapshotIdentity('10.0', 3072, 2)));
  t.not(one, contentHash(snapshotIdentity('7.2', 2048, 2)));
});

test('ssh never asks and never reads the user’s configuration', (t) => {
  const args = sshArguments({ port: 1, key: '/key', sockets: '/s' });
  t.deepEqual(args.slice(0, 2), ['-F', 'none']);
  t.true(args.includes('BatchMode=yes'));
});

test('what dpkg-query does not show as installed is missing', (t) => {
  t.deepEqual(notInstalled(['a', 'b', 'c'], 'a installed\nb config-files\n'), ['b', 'c']);
});

test('a word for the shell survives quotes', (t) => {
  t.is(quote("it's"), `'it'\\''s'`);
});

test('deadlines scale, and nonsense does not', (t) => {
  t.is(scaled(1000, { BERTH_LAB_TIMEOUT_FACTOR: '2.5' }), 2500);
  t.is(scaled(1000, { BERTH_LAB_TIMEOUT_FACTOR: 'much' }), 1000);
  t.is(scaled(1000, {}), 1000);
});

test('polling ends with the value, or with what was waited for and the evidence', async (t) => {
  let calls = 0;
  t.is(await poll(async () => (++calls > 2 ? calls : undefined), { what: 'x', timeoutMs: 5000, everyMs: 1 }), 3);
  const never = poll(async () => undefined, { what: 'moon', timeoutMs: 5, everyMs: 1, explain: () => 'dark' });
  await t.throwsAsync(never, { code: 'lab_timeout', message: /moon: .*\ndark/s });
});

test('a quiet progress says nothing about short steps', async (t) => {
  const lines: string[] = [];
  const quiet = lineProgress({ write: (line) => lines.push(line), quietMs: 1000 });
  t.is(await quiet.step('short', async () => 7), 7);
  t.deepEqual(lines, []);
  const loud = lineProgress({ write: (line) => lines.push(line) });
  await loud.step('long', async () => undefined);
  t.regex(lines.join('\n'), /^lab: long \.\.\.\nlab: long: done in [\d.]+ s$/);
});

test('a command that is stopped ends at once, with its children, and says so', async (t) => {
  const start = Date.now();
  const slow = run('sh', ['-c', 'echo begun; sleep 30 & wait'], { timeoutMs: 200, label: 'slow' });
  await t.throwsAsync(slow, { code: 'lab_timeout', message: /slow: .*\n--- stdout\nbegun/s });
  t.true(Date.now() - start < 5000);
  const failing = run('sh', ['-c', 'echo out; echo err >&2; exit 3']);
  await t.throwsAsync(failing, {
    code: 'lab_command_failed',
    message: /exit code 3\n--- stdout\nout\n--- stderr\nerr/,
  });
});
