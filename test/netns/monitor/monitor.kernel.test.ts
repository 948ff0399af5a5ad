// Real changes from outside, by ip and nft, and the room's own, through the room's own recipe.
import test from 'ava';
import { removalOf } from '../../../netns/defaults.js';
import { type Host, openHost } from '../../../netns/host.js';
import type { Hint } from '../../../netns/monitor/hints.js';
import { type Monitor, openMonitor } from '../../../netns/monitor/monitor.js';
import { text } from '../../../netns/netlink/attribute.js';
import { NLM_F } from '../../../netns/netlink/constants.js';
import { setLink } from '../../../netns/netlink/link.js';
import { NFPROTO, NFT_MSG } from '../../../netns/netlink/netfilter-constants.js';
import { tablesMessage } from '../../../netns/netlink/nfnetlink.js';
import type { Request } from '../../../netns/netlink-client.js';
import { Nfnl } from '../../../netns/nfnl.js';
import { removeSandboxes } from '../../../netns/removal.js';
import { createSandbox } from '../../../netns/sandbox/create.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { command, makeNames } from '../lab.js';

const names = makeNames(6);
const table = `berth_test_${names.prefix}`;
const SETTLE_MS = 1500;
const GIVE_UP_MS = 10_000;

let host: Host;
let monitor: Monitor;
let heard: Hint[] = [];
let next = 1;
const made: SandboxNetwork[] = [];

test.before(async () => {
  await nft(`add table inet ${table}`);
  await nft(`add chain inet ${table} forward`);
  host = openHost();
  monitor = openMonitor(host, {
    linkPrefix: names.prefix,
    netnsPrefix: names.netnsPrefix,
    tables: [table],
    onHints: (hints) => heard.push(...hints),
  });
});

test.after.always(async () => {
  monitor?.close();
  if (made.length > 0) removeSandboxes(host, made.map(removal));
  host?.close();
  await nft(`delete table inet ${table}`);
});

// By full path: in node_modules/.bin lies a program of the same name.
async function nft(line: string): Promise<void> {
  await command(`/usr/sbin/nft ${line}`);
}

function removal(network: SandboxNetwork) {
  return { ...removalOf(network), patient: false };
}

function ownNames({ hostLink, netns }: SandboxNetwork): string[] {
  return netns === null ? [hostLink] : [hostLink, netns];
}

/** A sandbox made by us, with everything over that the kernel has to say about it. */
async function sandbox(kind: 'container' | 'microvm'): Promise<SandboxNetwork> {
  const network = kind === 'container' ? names.sandbox(next++) : names.microvm(next++);
  monitor.own(ownNames(network), () => createSandbox(host, network));
  made.push(network);
  await pause(SETTLE_MS);
  return network;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for the hint; how long it took since the command had returned. */
async function waitFor(wanted: Partial<Hint>): Promise<string> {
  const begun = performance.now();
  while (performance.now() - begun < GIVE_UP_MS) {
    const found = heard.find((hint) =>
      Object.entries(wanted).every(([key, value]) => hint[key as keyof Hint] === value),
    );
    if (found !== undefined) return `${Math.round(performance.now() - begun)} ms`;
    await pause(5);
  }
  return 'never';
}

const CHANGES: readonly [
  string,
  'container' | 'microvm',
  (n: SandboxNetwork) => string,
  (n: SandboxNetwork) => Partial<Hint>,
][] = [
  [
    'a host link is deleted',
    'container',
    (n) => `ip link del ${n.hostLink}`,
    (n) => ({ kind: 'link', object: n.hostLink }),
  ],
  [
    'a host link is set down',
    'container',
    (n) => `ip link set ${n.hostLink} down`,
    (n) => ({ kind: 'link', object: n.hostLink }),
  ],
  [
    'the MTU of a host link is changed',
    'container',
    (n) => `ip link set ${n.hostLink} mtu 1300`,
    (n) => ({ kind: 'link', object: n.hostLink }),
  ],
  [
    'the owner tag of a host link is changed',
    'container',
    (n) => `ip link set ${n.hostLink} alias x`,
    (n) => ({ kind: 'link', object: n.hostLink }),
  ],
  ['a tap is deleted', 'microvm', (n) => `ip -n ${n.netns} link del tap0`, () => ({ kind: 'link', object: 'tap0' })],
  [
    'a tap is set down',
    'microvm',
    (n) => `ip -n ${n.netns} link set tap0 down`,
    () => ({ kind: 'link', object: 'tap0' }),
  ],
  [
    'the link inside is set down',
    'container',
    (n) => `ip -n ${n.netns} link set eth0 down`,
    () => ({ kind: 'link', object: 'eth0' }),
  ],
  [
    'the MAC inside is changed',
    'container',
    (n) => `ip -n ${n.netns} link set eth0 address 02:00:00:00:00:01`,
    () => ({ kind: 'link', object: 'eth0' }),
  ],
  [
    'addresses of a host link are flushed',
    'container',
    (n) => `ip addr flush dev ${n.hostLink}`,
    () => ({ kind: 'address', object: '169.254.1.1' }),
  ],
  [
    'addresses inside are flushed',
    'container',
    (n) => `ip -n ${n.netns} addr flush dev eth0`,
    (n) => ({ kind: 'address', object: n.address }),
  ],
  [
    'the host route is removed',
    'container',
    (n) => `ip route del ${n.address}`,
    (n) => ({ kind: 'route', object: `${n.address}/32` }),
  ],
  [
    'the host route is taken over',
    'container',
    (n) => `ip route replace ${n.address} dev lo`,
    (n) => ({ kind: 'route', object: `${n.address}/32` }),
  ],
  [
    'the default route inside is removed',
    'container',
    (n) => `ip -n ${n.netns} route del default`,
    () => ({ kind: 'route', object: 'default/0' }),
  ],
];

for (const [what, kind, line, wanted] of CHANGES) {
  test.serial(`${what} from outside`, async (t) => {
    const network = await sandbox(kind);
    heard = [];
    // What is put on lo does not go with the sandbox.
    t.teardown(() => command(`ip route del ${network.address} dev lo`).catch(() => ''));
    await command(line(network));
    const expected = { link: network.hostLink, ...wanted(network) };
    const latency = await waitFor(expected);
    t.not(latency, 'never', JSON.stringify(heard));
    t.log(`after ${latency}`);
    t.true(heard.every(({ link }) => link === network.hostLink));
  });
}

test.serial('a namespace is deleted from outside, with its link', async (t) => {
  const network = await sandbox('container');
  heard = [];
  await command(`ip netns del ${network.netns}`);
  const latency = await waitFor({ kind: 'netns', object: network.netns ?? '' });
  t.not(latency, 'never');
  t.log(`name after ${latency}, link ${await waitFor({ kind: 'link', object: network.hostLink })} later`);
});

test.serial('a bridge port is taken out or no longer isolated from outside', async (t) => {
  const network = await sandbox('container');
  const bridge = `${names.prefix}br`;
  const port = `/sbin/bridge link set dev ${network.hostLink}`;
  await command(`ip link add ${bridge} type bridge`);
  await command(`ip link set ${network.hostLink} master ${bridge}`);
  await command(`${port} isolated on`);
  await pause(SETTLE_MS);
  for (const line of [`${port} isolated off`, `ip link set ${network.hostLink} nomaster`]) {
    heard = [];
    await command(line);
    const latency = await waitFor({ kind: 'link', object: network.hostLink });
    t.not(latency, 'never', line);
    t.log(`${line}: ${latency}`);
  }
  await command(`ip link del ${bridge}`);
  await pause(SETTLE_MS);
});

test.serial('our table is changed, flushed and removed from outside', async (t) => {
  for (const line of [
    `add rule inet ${table} forward accept`,
    `flush table inet ${table}`,
    `delete table inet ${table}`,
  ]) {
    heard = [];
    await nft(line);
    t.log(`${line}: ${await waitFor({ kind: 'firewall', object: table })}`);
    t.deepEqual(heard, [{ kind: 'firewall', link: null, object: table }]);
  }
  heard = [];
  await nft(`add table inet ${table}_other`);
  await nft(`delete table inet ${table}_other`);
  await pause(SETTLE_MS);
  t.deepEqual(heard, []);
  await nft(`add table inet ${table}`);
});

test.serial('changes of our table through our own socket are not reported, through another one they are', async (t) => {
  const other = new Nfnl();
  const told: Hint[] = [];
  const { prefix: linkPrefix, netnsPrefix } = names;
  const watching = openMonitor(host, { linkPrefix, netnsPrefix, tables: [table], onHints: (all) => told.push(...all) });
  host.nfnl.commit([newChain(table, 'one')]);
  watching.poll();
  t.deepEqual(told, []);
  other.commit([newChain(table, 'two')]);
  watching.poll();
  t.deepEqual(told, [{ kind: 'firewall', link: null, object: table }]);
  t.regex(await command(`/usr/sbin/nft list table inet ${table}`), /chain one.*chain two/s);
  other.close();
  watching.close();
});

test.serial('our own changes are not reported, whatever the kernel still says afterwards', async (t) => {
  await pause(SETTLE_MS);
  heard = [];
  for (let round = 0; round < 3; round++) {
    const networks = [names.sandbox(50), names.microvm(51)];
    for (const network of networks) monitor.own(ownNames(network), () => createSandbox(host, network));
    if (round === 0) await pause(SETTLE_MS);
    for (const network of networks) monitor.own(ownNames(network), () => createSandbox(host, network));
    monitor.own(networks.flatMap(ownNames), () => removeSandboxes(host, networks.map(removal)));
  }
  await pause(SETTLE_MS);
  t.deepEqual(heard, []);
});

test.serial('a change from outside during one of ours is heard', async (t) => {
  const [one, other] = [await sandbox('container'), await sandbox('container')];
  heard = [];
  const index = host.rtnl.link({ name: other.hostLink })?.index ?? 0;
  monitor.own(ownNames(one), () => {
    createSandbox(host, one);
    host.rtnl.transact([{ message: setLink({ index, up: false }), op: 'RTM_SETLINK', path: other.hostLink }]);
  });
  t.not(await waitFor({ kind: 'link', link: other.hostLink }), 'never');
  t.true(heard.every(({ link }) => link === other.hostLink));
});

test.serial('when notifications are lost that is said, and what comes later is heard', async (t) => {
  const network = await sandbox('container');
  const told: Hint[] = [];
  const narrow = openMonitor(host, {
    linkPrefix: names.prefix,
    netnsPrefix: names.netnsPrefix,
    tables: [],
    intervalMs: 60_000,
    bufferBytes: 4096,
    onHints: (hints) => told.push(...hints),
  });
  for (let mtu = 1300; mtu < 1310; mtu++) await command(`ip link set ${network.hostLink} mtu ${mtu}`);
  narrow.poll();
  t.true(told.some(({ kind }) => kind === 'lost'));
  told.splice(0);
  narrow.poll();
  t.deepEqual(told, []);
  await command(`ip link set ${network.hostLink} down`);
  narrow.poll();
  narrow.close();
  t.like(told[0], { kind: 'link', object: network.hostLink });
  t.true(told.every(({ link }) => link === network.hostLink));
});

test.serial('forty sandboxes made and removed under watch are not told; what watching costs is printed', async (t) => {
  const idle = measure(2000, () => monitor.poll());
  const networks = Array.from({ length: 40 }, (_, at) => names.sandbox(60 + at));
  monitor.close();
  const create = (at: number) => networks.slice(at, at + 1).map((network) => createSandbox(host, network));
  const told: Hint[] = [];
  const bare = measure(networks.length, create);
  removeSandboxes(host, networks.map(removal));
  const { prefix: linkPrefix, netnsPrefix } = names;
  const again = openMonitor(host, { linkPrefix, netnsPrefix, tables: [table], onHints: (all) => told.push(...all) });
  const watched = measure(networks.length, (at) =>
    again.own(networks.slice(at, at + 1).flatMap(ownNames), () => create(at)),
  );
  const removed = measure(1, () =>
    again.own(networks.flatMap(ownNames), () => removeSandboxes(host, networks.map(removal))),
  );
  await pause(SETTLE_MS);
  again.poll();
  again.close();
  t.deepEqual(told, []);
  t.log(
    `a look while nothing happens: ${(idle * 1000).toFixed(1)} us, so ${((idle / 250) * 100).toFixed(4)} % of a core`,
  );
  t.log(`a sandbox made: ${bare.toFixed(2)} ms, watched ${watched.toFixed(2)} ms`);
  t.log(`40 removed, watched: ${removed.toFixed(0)} ms`);
});

function newChain(of: string, name: string): Request {
  const body = [text(1, of), text(3, name)];
  return { message: tablesMessage(NFT_MSG.NEWCHAIN, NLM_F.CREATE, NFPROTO.INET, ...body), op: 'NEWCHAIN', path: name };
}

/** Mean milliseconds. */
function measure(count: number, run: (at: number) => void): number {
  const begun = performance.now();
  for (let at = 0; at < count; at++) run(at);
  return (performance.now() - begun) / count;
}
