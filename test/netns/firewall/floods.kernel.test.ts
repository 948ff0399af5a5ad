// One workload sends what it can, as fast as it can: what of the host it fills, and whether another tenant's traffic passes
// meanwhile. How much of it is lost is a figure for a calm machine: test/bench.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { readDrops } from '../../../netns/firewall/index.js';
import { removeSandboxes } from '../../../netns/removal.js';
import { createSandbox } from '../../../netns/sandbox/create.js';
import type { DropReason } from '../../../netns/types.js';
import { command, type NamedNetwork } from '../lab.js';
import { Lab, NET } from './lab.js';
import { Peers } from './peers.js';

const FLOOD = fileURLToPath(new URL('../../../../test/netns/firewall/flood.py', import.meta.url));
const PATIENCE_MS = 20_000;
const CONNECTIONS = 200;
/** Behind the uplink, and nobody's: no answer ends a connection. */
const SILENT = '203.0.113.99';

/** Why the host drops it. ARP is no packet of IP: it is answered, and not learned. */
const FLOODS: Readonly<Record<string, DropReason | null>> = {
  syn: 'connections',
  udp: 'connections',
  storm: 'host',
  arp: null,
  nd: 'packets',
};

const lab = await Lab.open(14);
const peers = new Peers();
const made: NamedNetwork[] = [];
let nextFrom = 6000;

test.before(async () => {
  lab.setup();
  lab.host.settings = lab.settings;
  await peers.serve(lab.outsideNetns, 'outside', 80);
});

test.after.always(async () => {
  await peers.end();
  const removals = made.map((network) => {
    const { netns, hostLink, owner } = network;
    return { netns, hostLink, owner, network, recycle: false, patient: false };
  });
  for (const { error } of removeSandboxes(lab.host, removals)) if (error !== undefined) throw error;
  await lab.close();
});

function create(group: number, connections: number | null = CONNECTIONS): NamedNetwork {
  const number = made.length + 1;
  const plain = lab.names.sandbox(number);
  const firewall = { ...plain.firewall, connections };
  const network = { ...plain, address6: `fd00:9e::${number}`, group, firewall };
  createSandbox(lab.host, network);
  made.push(network);
  return network;
}

async function start(kind: string, source: NamedNetwork, target: string = SILENT): Promise<ChildProcess> {
  const { netns, mac, address, address6 } = source;
  const args = [FLOOD, kind, mac, address, address6 ?? '', target];
  const child = spawn('ip', ['netns', 'exec', netns, '/usr/bin/python3', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function end(flood: ChildProcess): Promise<void> {
  const ended = once(flood, 'exit');
  flood.kill('SIGKILL');
  await ended;
}

function dropped({ hostLink }: NamedNetwork, reason: DropReason): number {
  return readDrops(lab.host, lab.settings.table).find(({ link }) => link === hostLink)?.packets[reason] ?? 0;
}

async function learned({ hostLink }: NamedNetwork): Promise<number> {
  const text = await command(`ip neigh show dev ${hostLink} nud all`);
  const text6 = await command(`ip -6 neigh show dev ${hostLink} nud all`);
  return `${text}${text6}`.split('\n').filter((line) => line.includes('lladdr')).length;
}

function tracked({ address, address6 }: NamedNetwork): number {
  const lines = readFileSync('/proc/thread-self/net/nf_conntrack', 'utf8').split('\n');
  const own = [`src=${address} `, `src=${address6} `];
  return lines.filter((line) => own.some((text) => line.includes(text))).length;
}

function received({ netns }: NamedNetwork): Promise<number> {
  return command(`ip netns exec ${netns} cat /sys/class/net/eth0/statistics/rx_packets`).then(Number);
}

for (const [kind, reason] of Object.entries(FLOODS))
  test.serial(`a flood (${kind}) fills no table of the host, and another tenant's connections go on`, async (t) => {
    const [source, neighbour] = [create(31), create(32)];
    const client = peers.client(neighbour.netns);
    const question = {
      protocol: 'tcp',
      address: NET.outside,
      port: 80,
      from: nextFrom++,
      waitMs: PATIENCE_MS,
    } as const;
    t.is(await client.ask(question), 'outside');
    // What a guest says when its link comes up is not all allowed.
    const drops = () =>
      readDrops(lab.host, lab.settings.table).find(({ link }) => link === neighbour.hostLink)?.packets;
    const before = drops();
    const flood = await start(kind, source);
    try {
      for (let round = 0; round < 5; round++) {
        const former = reason === null ? 0 : dropped(source, reason);
        t.is(await client.ask(question), 'outside', 'the connection of before');
        t.is(await client.ask({ ...question, from: nextFrom++ }), 'outside', 'a new one');
        // A busy machine may not have let it run in so short a time.
        while (reason !== null && dropped(source, reason) <= former) await sleep(20);
        t.true(tracked(source) <= CONNECTIONS, `${tracked(source)} connections`);
        t.true((await learned(source)) < 100);
      }
      t.is(flood.exitCode, null);
    } finally {
      await end(flood);
    }
    t.deepEqual(drops(), before);
    t.true((await received(neighbour)) < 2000, 'nothing of it came to the neighbour');
  });

const RATE = 20;
const AT_ONCE = 4 * RATE;

for (const [what, kind, target] of [
  ['nobody answers', 'syn', SILENT],
  ['are datagrams', 'udp', SILENT],
  ['are pings of the host', 'echo', NET.host],
] as const)
  test.serial(`connections that ${what} are opened no faster than the node allows`, async (t) => {
    lab.setup({ ...lab.settings, connectionRate: RATE });
    const source = create(33, null);
    const startedAt = performance.now();
    const flood = await start(kind, source, target);
    try {
      while (dropped(source, 'connections') < 5000) await sleep(20);
      const found = tracked(source);
      t.true(found >= AT_ONCE / 2, `${found}: it opens some`);
      const most = AT_ONCE + (RATE * (performance.now() - startedAt)) / 1000 + 1;
      t.true(found <= most, `${found} connections, ${most} at most`);
    } finally {
      await end(flood);
    }
  });

test.serial('datagrams of one flow that nobody answers are one connection, however many there are', async (t) => {
  lab.setup({ ...lab.settings, connectionRate: RATE });
  const source = create(34, null);
  const flood = await start('stream', source);
  try {
    t.is(tracked(source), 1);
    t.is(dropped(source, 'connections'), 0);
  } finally {
    await end(flood);
  }
});
