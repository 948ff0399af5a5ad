// How much of a workload's traffic arrives while a workload of another tenant sends as fast as it can.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GATEWAY } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import type { Measurement } from '../result.js';
import { type NamedNetwork, sandbox } from './names.js';
import { removeAll } from './ours.js';
import { withRoom } from './settings.js';
import { settled } from './world.js';

const run = promisify(execFile);
const FLOOD = fileURLToPath(new URL('../../../../test/netns/firewall/flood.py', import.meta.url));
const KINDS = ['syn', 'udp', 'storm', 'arp', 'nd'] as const;
/** Swallows what is forwarded to it: nobody has that MAC. */
const SINK = 'bench-sink';
const SILENT = '203.0.113.99';
/** A loss below 1 %. */
const TARGET = { atMost: 1 / 0.99 };

export const floods: Part = {
  name: 'floods',
  what: "answers to one workload while another's floods: SYNs, datagrams, broadcasts, ARP, neighbour discovery",
  async run(bench) {
    const firewall = { ...sandbox(0, 1).firewall, connections: 1000 };
    const source: NamedNetwork = { ...sandbox(0, 1), address6: 'fd00:be::1', group: 2, firewall };
    const neighbour: NamedNetwork = { ...sandbox(0, 2), address6: 'fd00:be::2', group: 3 };
    return withRoom(null, async (room) => {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      await run('ip', ['link', 'add', SINK, 'type', 'veth', 'peer', 'name', `${SINK}-end`]);
      try {
        for (const end of [SINK, `${SINK}-end`]) await run('ip', ['link', 'set', end, 'up']);
        await run('ip', ['route', 'add', SILENT, 'dev', SINK]);
        await run('ip', ['neighbour', 'add', SILENT, 'lladdr', '02:00:00:00:00:01', 'dev', SINK]);
        for (const network of [source, neighbour]) await room.create(network);
        const measured: Measurement[] = [];
        for (const kind of KINDS) measured.push(await measure(bench, kind, source, neighbour));
        return measured;
      } finally {
        await removeAll(room, [source, neighbour]);
        await run('ip', ['link', 'delete', SINK]);
        await settled(bench.signal);
      }
    });
  },
};

async function measure(
  bench: Bench,
  kind: string,
  source: NamedNetwork,
  neighbour: NamedNetwork,
): Promise<Measurement> {
  const ours: number[][] = [];
  const theirs: number[][] = [];
  for (let round = 0; round < (bench.quick ? 1 : 5); round++) {
    bench.signal.throwIfAborted();
    theirs.push([await needed(bench, neighbour)]);
    const flood = await start(kind, source);
    try {
      ours.push([await needed(bench, neighbour)]);
    } finally {
      const ended = once(flood, 'exit');
      flood.kill('SIGKILL');
      await ended;
    }
  }
  return {
    name: `pings for 100 answers, during a flood: ${kind}`,
    peer: 'without it',
    unit: 'pings',
    ours,
    theirs,
    target: TARGET,
  };
}

async function start(kind: string, { netns, mac, address, address6 }: NamedNetwork): Promise<ChildProcess> {
  const args = [FLOOD, kind, mac, address, address6 ?? '', SILENT];
  const child = spawn('ip', ['netns', 'exec', netns, '/usr/bin/python3', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function needed({ quick, signal }: Bench, { netns }: NamedNetwork): Promise<number> {
  const count = quick ? 100 : 1000;
  const ping = ['netns', 'exec', netns, 'ping', '-q', '-c', String(count), '-i', '0.005', '-W', '2', GATEWAY];
  const { stdout } = await run('ip', ping, { signal });
  return (100 * count) / Number(/(\d+) received/.exec(stdout)?.[1]);
}
