import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { removalOf } from '../../netns/defaults.js';
import { openNetworkRoom } from '../../netns/index.js';
import { command, links, makeNames, remains } from './lab.js';

const names = makeNames(2);
const room = openNetworkRoom();
const table = `berth-test-${process.pid}`;
const FORWARD = '/proc/sys/net/ipv4/ip_forward';

test.after.always(async (t) => {
  for (let number = 1; number <= 4; number++) await room.remove(removalOf(names.sandbox(number)));
  await room.teardown(names.settings(table));
  await room.close();
  t.deepEqual(
    (await links()).filter((name) => name.startsWith(names.prefix)),
    [],
  );
});

/** Starts Node inside a namespace; resolves with its first line of output. */
async function startInside(netns: string, args: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [data] = await once(child.stdout, 'data');
  return { child, line: String(data).trim() };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test.serial('pings and TCP in both directions between host and workload', async (t) => {
  const network = names.sandbox(1);
  await room.create(network);
  await command(`ip netns exec ${network.netns} ping -c1 -W2 169.254.1.1`);
  await command(`ping -c1 -W2 ${network.address}`);

  const server = createServer((socket) => socket.end(`hello ${socket.remoteAddress}`)).listen(0, '169.254.1.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return t.fail();
  const client = `require("net").connect(${bound.port},"169.254.1.1").on("data",d=>console.log(String(d)))`;
  const outward = await startInside(network.netns, ['-e', client]);
  t.is(outward.line, `hello ${network.address}`);
  server.close();

  const listen = `const s=require("net").createServer(c=>c.end("hi "+c.remoteAddress)).listen(0,"0.0.0.0",()=>console.log(s.address().port))`;
  const inward = await startInside(network.netns, ['-e', listen]);
  const socket = connect(Number(inward.line), network.address);
  const [data] = await once(socket, 'data');
  t.is(String(data), 'hi 169.254.1.1');
  socket.destroy();
  await stop(inward.child);
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

test.serial('the host reaches a guest behind its tap', async (t) => {
  const network = names.microvm(2);
  await room.create(network);
  const program = fileURLToPath(new URL('./tap-guest.js', import.meta.url));
  const guest = await startInside(network.netns, [program, 'tap0', network.address, network.mac]);
  try {
    t.is(guest.line, 'ready');
    t.regex(await command(`ping -c2 -W2 ${network.address}`), / 0% packet loss/);
    // With its tap in use, as under a running VMM, the sandbox still takes a repeated create.
    await t.notThrowsAsync(room.create(network));
  } finally {
    await stop(guest.child);
  }
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

test.serial('traffic that leaves the host carries the address of the host', async (t) => {
  const [workload, internet] = [names.sandbox(3), `${names.netnsPrefix}internet`];
  const link = `x${names.prefix}`;
  const forward = readFileSync(FORWARD, 'utf8');
  const outside = ['198.18.77.1', '198.18.77.2'] as const;
  await room.create(workload);
  await command(`ip netns add ${internet}`);
  try {
    await command(`ip link add ${link} type veth peer name eth0 netns ${internet}`);
    await command(`ip addr add ${outside[0]}/30 dev ${link}`);
    await command(`ip link set ${link} up`);
    await command(`ip -n ${internet} addr add ${outside[1]}/30 dev eth0`);
    await command(`ip -n ${internet} link set eth0 up`);
    writeFileSync(FORWARD, '1');
    const ping = `ip netns exec ${workload.netns} ping -c1 -W1 ${outside[1]}`;
    // The other side knows no route to the pool, so only a translated source gets an answer.
    await t.throwsAsync(command(ping));
    const options = names.settings(table);
    await room.setup(options);
    await room.setup(options);
    await room.create(workload);
    const rule = `ip saddr ${names.pool} oifname != "${names.prefix}*" masquerade`;
    t.is((await command(`/usr/sbin/nft list table inet ${table}`)).split(rule).length, 2);
    await command(ping);
  } finally {
    writeFileSync(FORWARD, forward);
    await command(`ip link del ${link}`).catch(() => undefined);
    await command(`ip netns del ${internet}`);
    await room.teardown(names.settings(table));
    await room.teardown(names.settings(table));
  }
  await t.throwsAsync(command(`/usr/sbin/nft list table inet ${table}`));
  await room.remove(removalOf(workload));
  t.deepEqual(await remains(workload), []);
});

test.serial('workloads of one host see each other with their own addresses', async (t) => {
  const [one, two] = [names.sandbox(3), names.sandbox(4)];
  const forward = readFileSync(FORWARD, 'utf8');
  await room.setup(names.settings(table));
  await room.create(one);
  await room.create(two);
  for (const { hostLink } of [one, two]) await command(`ip link set ${hostLink} group 1`);
  try {
    writeFileSync(FORWARD, '1');
    const listen = `const s=require("net").createServer(c=>c.end(c.remoteAddress)).listen(0,"0.0.0.0",()=>console.log(s.address().port))`;
    const server = await startInside(two.netns, ['-e', listen]);
    const client = `require("net").connect(${server.line},"${two.address}").on("data",d=>console.log(String(d)))`;
    const answer = await startInside(one.netns, ['-e', client]);
    t.is(answer.line, one.address);
    await stop(server.child);
  } finally {
    writeFileSync(FORWARD, forward);
  }
  await room.remove(removalOf(one));
  await room.remove(removalOf(two));
});
