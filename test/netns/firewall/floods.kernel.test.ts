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

function create(group: number): NamedNetwork {
  const number = made.length + 1;
  const plain = lab.names.sandbox(number);
  const firewall = { ...plain.firewall, connections: CONNECTIONS };
  const network = { ...plain, address6: `fd00:9e::${number}`, group, firewall };
  createSandbox(lab.host, network);
  made.push(network);
  return network;
}

async function start(kind: string, { netns, mac, address, address6 }: NamedNetwork): Promise<ChildProcess> {
  const args = [FLOOD, kind, mac, address, address6 ?? '', SILENT];
  const child = spawn('ip', ['netns', 'exec', netns, '/usr/bin/python3', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
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
      const ended = once(flood, 'exit');
      flood.kill('SIGKILL');
      await ended;
    }
    t.deepEqual(drops(), before);
    t.true((await received(neighbour)) < 2000, 'nothing of it came to the neighbour');
  });
