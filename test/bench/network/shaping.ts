// A TCP flow through a limited link: how near to the limit is what arrives? The limit counts whole frames, iperf3 what is
// in them.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GATEWAY, type NetworkRoom, type SandboxNetwork } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import type { Measurement } from '../result.js';
import { ip } from './iproute.js';
import { NETNS_PREFIX, sandbox, slot } from './names.js';
import { removeAll } from './ours.js';
import { withRoom } from './settings.js';
import { settled } from './world.js';

const run = promisify(execFile);
const IPERF = '/usr/bin/iperf3';
const ATTEMPTS = 3;
const MBIT = 100;
/** Payload of a full TCP frame with timestamps, and the frame. */
const PAYLOAD = 1448 / 1514;
const GUEST = `${NETNS_PREFIX}guest`;

/** A workload at the end of a limited link: iperf3 listens in `netns`. */
interface End {
  readonly kind: 'veth' | 'tap';
  readonly network: SandboxNetwork;
  readonly netns: string;
}

export const shaping: Part = {
  name: 'shaping',
  what: `a TCP flow against its limit of ${MBIT} Mbit/s, through veth and tap, in both directions`,
  async run(bench) {
    if (!existsSync(IPERF)) {
      bench.say('skipped: no iperf3');
      return [];
    }
    const rate = { bitsPerSecond: MBIT * 1e6, burstBytes: null };
    const bandwidth = { ingress: rate, egress: rate };
    const [container, machine] = [sandbox(0, 1), slot(0, 2)];
    const ends: readonly End[] = [
      { kind: 'veth', network: { ...container, bandwidth }, netns: container.netns },
      { kind: 'tap', network: { ...machine, netns: null, bandwidth }, netns: GUEST },
    ];
    return withRoom(null, async (room) => {
      const measured: Measurement[] = [];
      for (const end of ends) measured.push(...(await measure(bench, room, end)));
      return measured;
    });
  },
};

async function measure(bench: Bench, room: NetworkRoom, { kind, network, netns }: End): Promise<Measurement[]> {
  const children: ChildProcess[] = [];
  try {
    await room.create(network);
    if (kind === 'tap') children.push(await plugIn(network));
    children.push(await start('ip', ['netns', 'exec', netns, IPERF, '-s', '--forceflush']));
    const measured: Measurement[] = [];
    for (const [direction, options] of DIRECTIONS) {
      const rounds: number[][] = [];
      for (let round = 0; round < (bench.quick ? 1 : 3); round++) {
        bench.signal.throwIfAborted();
        bench.say(`${direction} the ${kind}, flow ${round + 1}`);
        const args = ['-c', network.address, '-t', bench.quick ? '1' : '3', ...options];
        rounds.push([(await flow(bench, args)) / PAYLOAD]);
      }
      const name = `flow ${direction} a workload behind a ${kind}`;
      const theirs = rounds.map(() => [MBIT]);
      measured.push({ name, peer: 'its limit', unit: 'Mbit/s', ours: rounds, theirs, target: null });
    }
    return measured;
  } finally {
    for (const child of children) await stop(child);
    await removeAll(room, [network]);
    if (kind === 'tap')
      await room.remove({ netns: GUEST, hostLink: null, owner: network.owner, network: null, recycle: false });
    await settled(bench.signal);
  }
}

const DIRECTIONS = [
  ['towards', []],
  ['from', ['-R']],
] as const;

/** Mbit/s of payload that the receiver has seen. A server that is still busy with the last flow is asked again. */
async function flow({ say }: Bench, args: readonly string[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const options = { timeout: 60_000 };
    // What went wrong it tells in its report, and fails.
    const ended = await run(IPERF, ['-J', '-O', '1', ...args], options).catch((error: { stdout: string }) => error);
    const report: Report = JSON.parse(ended.stdout);
    if (report.end?.sum_received !== undefined) return report.end.sum_received.bits_per_second / 1e6;
    if (attempt === ATTEMPTS) throw new Error(`iperf3: ${report.error}`);
    say(`iperf3: ${report.error}; once more`);
    await setTimeout(500);
  }
}

interface Report {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bits_per_second: number } };
}

/** A guest behind the tap: a namespace with a tap of its own, and a process that carries frames as a VMM does. */
async function plugIn({ hostLink, mac, address }: SandboxNetwork): Promise<ChildProcess> {
  ip(['netns', 'add', GUEST]);
  for (const line of [
    'tuntap add tap0 mode tap vnet_hdr',
    `link set tap0 address ${mac} up`,
    `addr add ${address}/32 dev tap0`,
    `route add default via ${GATEWAY} dev tap0 onlink`,
  ]) {
    ip(['-n', GUEST, ...line.split(' ')]);
  }
  const pump = fileURLToPath(new URL('../../netns/tap-pump.js', import.meta.url));
  return start(process.execPath, [pump, hostLink, GUEST, 'tap0']);
}

/** Starts a program and waits for its first output. */
async function start(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
