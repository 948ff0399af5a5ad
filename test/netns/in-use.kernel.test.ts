// Names that somebody takes away while the namespace is in use: nothing is made anew, and traffic does not stop.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { readStat } from '../../linux/proc.js';
import { removalOf } from '../../netns/defaults.js';
import { openNetworkRoom } from '../../netns/index.js';
import type { Use } from '../../netns/types.js';
import { command, makeNames, type NamedNetwork, remains } from './lab.js';

const names = makeNames(4);
const room = openNetworkRoom();
const started: ChildProcess[] = [];

test.after.always(async () => {
  for (const child of started) await end(child);
  for (let number = 1; number <= 20; number++) await room.remove(removalOf(names.sandbox(number)));
  await room.close();
});

/** Starts a program in the namespace; resolves when it has said something. */
async function within(netns: string, program: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const child = spawn('nsenter', [`--net=/run/netns/${netns}`, 'setpriv', '--pdeathsig', 'KILL', program, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  started.push(child);
  await once(child.stdout, 'data');
  const { pid } = child;
  if (pid === undefined) throw new Error('not started');
  return Object.assign(child, { pid });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const living = (netns: string) => within(netns, 'sh', '-c', 'echo; exec sleep 600');
const useOf = (pid: number): Use => ({ process: { pid, startTime: readStat(pid)?.startTime ?? 0 } });
const inode = ({ netns }: NamedNetwork) => statSync(`/run/netns/${netns}`).ino;
const index = async ({ hostLink }: NamedNetwork) => (await command(`cat /sys/class/net/${hostLink}/ifindex`)).trim();
const unnamed = ({ netns }: NamedNetwork) => command(`ip netns delete ${netns}`);
const reached = ({ address }: NamedNetwork) => command(`ping -c1 -W2 ${address}`);

async function kinds(network: NamedNetwork): Promise<string[]> {
  return (await room.audit([network])).map(({ kind }) => kind);
}

const TAKEN: [how: string, take: (network: NamedNetwork) => Promise<unknown>][] = [
  ['ip netns delete', unnamed],
  ['umount without unlink', ({ netns }) => command(`umount /run/netns/${netns}`)],
  [
    'another namespace under the name',
    async (network) => {
      await unnamed(network);
      await command(`ip netns add ${network.netns}`);
    },
  ],
];

TAKEN.forEach(([how, take], at) => {
  for (const known of [true, false])
    test.serial(
      `${how}: the name is bound to the same namespace again, process ${known ? 'known' : 'found'}`,
      async (t) => {
        const network = names.sandbox(1 + 2 * at + (known ? 0 : 1));
        await room.create(network);
        const before = [inode(network), await index(network)];
        const { pid } = await living(network.netns);
        await take(network);
        t.true((await kinds(network)).includes('netns'));
        await reached(network);
        await room.create(network, known ? useOf(pid) : { process: null });
        t.deepEqual([inode(network), await index(network)], before);
        await reached(network);
        t.deepEqual(await kinds(network), []);
      },
    );
});

test.serial('a start that finds the namespace alive takes it as well', async (t) => {
  const network = names.sandbox(7);
  await room.create(network);
  const before = [inode(network), await index(network)];
  await living(network.netns);
  await unnamed(network);
  await room.create(network);
  t.deepEqual([inode(network), await index(network)], before);
});

test.serial('a name that somebody else uses now is not taken away, and it is said why', async (t) => {
  const network = names.sandbox(8);
  await room.create(network);
  const { pid } = await living(network.netns);
  await unnamed(network);
  await command(`ip netns add ${network.netns}`);
  const other = inode(network);
  await living(network.netns);
  const error = await t.throwsAsync(room.create(network, useOf(pid)), { instanceOf: SysError });
  t.regex(error?.message ?? '', /EBUSY: another namespace has the name, and somebody uses it/);
  t.is(inode(network), other);
  await reached(network);
});

/** Holds the namespace from outside, by what `line` leaves in `held`. */
const HOLDING: [what: string, line: string][] = [
  ['a socket', 'held = socket.socket()'],
  ['a descriptor', 'held = open("/proc/self/ns/net")'],
];
for (const [position, [what, line]] of HOLDING.entries())
  test.serial(`a namespace that only ${what} of another process keeps counts as held`, async (t) => {
    const network = names.sandbox(9 + position);
    await room.create(network);
    const before = [inode(network), await index(network)];
    const script = [
      'import os, socket, sys, ctypes',
      `home = os.open("/proc/${process.pid}/ns/net", os.O_RDONLY)`,
      line,
      'assert ctypes.CDLL(None).setns(home, 0) == 0',
      'print("ready", flush=True)',
      'sys.stdin.read()',
    ].join('\n');
    await within(network.netns, 'python3', '-c', script);
    await unnamed(network);
    await room.create(network, { process: null });
    t.deepEqual([inode(network), await index(network)], before);
    await reached(network);
  });

test.serial('a renamed end of the pair gets its name back, and is no other link after it', async (t) => {
  const network = names.sandbox(11);
  await room.create(network);
  const before = await index(network);
  const { pid } = await living(network.netns);
  await command(`ip link set ${network.hostLink} name ${network.hostLink}x`);
  await room.create(network, useOf(pid));
  t.is(await index(network), before);
  await command(`ip -n ${network.netns} link set eth0 name eth7`);
  await room.create(network, useOf(pid));
  t.is(await index(network), before);
  t.deepEqual(await kinds(network), []);
  await reached(network);
});

test.serial('a process that died and a number given again do not count', async (t) => {
  const network = names.sandbox(12);
  await room.create(network);
  const stranger = names.sandbox(13);
  await room.create(stranger);
  const { pid } = await living(stranger.netns);
  const before = inode(stranger);
  await room.remove(removalOf(network));
  await room.create(network, { process: { pid, startTime: 1 } });
  t.not(inode(network), before);
  await reached(network);
});

const OPEN_TAP = [
  'import fcntl, struct, sys',
  'tap = open("/dev/net/tun", "r+b", buffering=0)',
  'fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"tap0", 0x5002))',
  'print("ready", flush=True)',
  'sys.stdin.read()',
].join('\n');

test.serial('a tap under a VMM: renamed it gets its name back, deleted it is not made anew but told', async (t) => {
  const network = names.microvm(14);
  await room.create(network);
  const { pid } = await within(network.netns, 'python3', '-c', OPEN_TAP);
  const tap = async () => JSON.parse(await command(`ip -n ${network.netns} -j link show tap0`))[0].ifindex;
  const before = await tap();
  await command(`ip -n ${network.netns} link set tap0 name tap9`);
  await room.create(network, useOf(pid));
  t.is(await tap(), before);
  await command(`ip -n ${network.netns} link del tap0`);
  const error = await t.throwsAsync(room.create(network, useOf(pid)), { instanceOf: SysError });
  t.true(error?.message.includes(`process ${pid} holds the tap`), error?.message);
  await t.throwsAsync(tap());
  for (const child of started.filter((other) => other.pid === pid)) await end(child);
  await room.create(network, useOf(pid));
  t.is(typeof (await tap()), 'number');
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});
