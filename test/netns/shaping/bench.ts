// A host of its own between an uplink and one workload, so that flows are forwarded as real ones are, and nothing of
// the machine's own network is touched:
//
//   WAN 198.18.5.2 -- uplink 198.18.5.1 | HOST | 10.x.0.1 LINK -- 10.x.0.2 WORKLOAD      LINK: a veth, or a tap
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { enterNetwork, openNamespace, visitNetwork } from '../../../linux/namespace.js';
import { type Host, openHost } from '../../../netns/host.js';
import { command } from '../lab.js';

const run = promisify(execFile);

export type Kind = 'veth' | 'tap';
/** `towards` the workload or `from` it. */
export type Direction = 'towards' | 'from';

export interface Bench {
  readonly kind: Kind;
  readonly link: string;
  /** Runs `body` in the host's namespace, with a Host of it. */
  onHost<T>(body: (host: Host) => T): T;
  /** A command in the host's namespace. */
  host(line: string): Promise<string>;
  /** iperf3 through the host: what the receiver has seen. */
  flow(direction: Direction, options: string): Promise<Flow>;
  /** Round trip times of `count` pings from the WAN to the workload, ms. */
  ping(count: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Payload at the receiver, and for each interval. Bits per second. */
export interface Flow {
  readonly received: number;
  readonly intervals: readonly number[];
  readonly streams: number;
  readonly lostPercent: number | undefined;
}

/** `names.prefix` and `names.netnsPrefix` as in lab.ts; `number` tells benches of one file apart. */
export async function openBench(
  names: { prefix: string; netnsPrefix: string },
  number: number,
  kind: Kind,
): Promise<Bench> {
  const roles = roleNames(names, number);
  const link = `${names.prefix}n${number}`;
  const children: ChildProcess[] = [];
  const demolish = async () => {
    for (const child of children) await stop(child);
    for (const netns of Object.values(roles)) await command(`ip netns del ${netns}`).catch(() => undefined);
  };
  try {
    await build(roles, link, kind, children);
  } catch (error) {
    await demolish();
    throw error;
  }
  const { host, wan } = roles;
  const home = openNamespace();
  const there = openNamespace(`/run/netns/${host}`);
  const visit = <T>(body: () => T) => visitNetwork(home, () => enterNetwork(there), body);
  const inside = visit(openHost);
  return {
    kind,
    link,
    onHost: (body) => visit(() => body(inside)),
    host: (line) => command(`ip netns exec ${host} ${line}`),
    async flow(direction, options) {
      const reverse = direction === 'from' ? ['-R'] : [];
      const args = ['netns', 'exec', wan, 'iperf3', '-c', '10.205.0.2', '-J', ...reverse, ...options.split(' ')];
      return readFlow(JSON.parse((await run('ip', args, { timeout: 60_000, maxBuffer: 2 ** 24 })).stdout));
    },
    async ping(count) {
      const lines = await command(`ip netns exec ${wan} ping -c${count} -i0.2 10.205.0.2`);
      return [...lines.matchAll(/time=([\d.]+)/g)].map(([, time]) => Number(time));
    },
    async close() {
      inside.close();
      closeSync(home);
      closeSync(there);
      await demolish();
    },
  };
}

interface Roles {
  readonly host: string;
  readonly wan: string;
  readonly workload: string;
}

function roleNames({ netnsPrefix }: { readonly netnsPrefix: string }, number: number): Roles {
  const prefix = `${netnsPrefix}${number}`;
  return { host: `${prefix}-host`, wan: `${prefix}-wan`, workload: `${prefix}-workload` };
}

async function build(roles: Roles, link: string, kind: Kind, children: ChildProcess[]): Promise<void> {
  const { host, wan, workload } = roles;
  for (const netns of Object.values(roles)) {
    await command(`ip netns add ${netns}`);
    await command(`ip -n ${netns} link set lo up`);
  }
  await command(`ip -n ${host} link add uplink type veth peer name eth0 netns ${wan}`);
  const inner = kind === 'veth' ? 'eth0' : 'tap0';
  if (kind === 'veth') {
    await command(`ip -n ${host} link add ${link} type veth peer name eth0 netns ${workload}`);
  } else {
    await command(`ip -n ${host} tuntap add ${link} mode tap vnet_hdr`);
    await command(`ip -n ${workload} tuntap add tap0 mode tap vnet_hdr`);
  }
  await face(host, 'uplink', '198.18.5.1/30');
  await face(wan, 'eth0', '198.18.5.2/30');
  await face(host, link, '10.205.0.1/30');
  await face(workload, inner, '10.205.0.2/30');
  await command(`ip -n ${wan} route add default via 198.18.5.1`);
  await command(`ip -n ${workload} route add default via 10.205.0.1`);
  await command(`ip netns exec ${host} sysctl -qw net.ipv4.ip_forward=1`);
  if (kind === 'tap') {
    const program = fileURLToPath(new URL('../tap-pump.js', import.meta.url));
    children.push(await start(['netns', 'exec', host, process.execPath, program, link, workload, inner]));
  }
  children.push(await start(['netns', 'exec', workload, 'iperf3', '-s', '--forceflush']));
}

async function face(netns: string, link: string, address: string): Promise<void> {
  await command(`ip -n ${netns} addr add ${address} dev ${link}`);
  await command(`ip -n ${netns} link set ${link} up`);
}

/** Starts a program and waits for its first output. */
async function start(args: string[]): Promise<ChildProcess> {
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await Promise.race([once(child.stdout, 'data'), ended(child, args)]);
  return child;
}

async function ended(child: ChildProcess, args: string[]): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`${args.join(' ')} ended with ${code}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

interface Iperf {
  readonly start: { readonly connected: readonly unknown[] };
  readonly intervals: readonly { readonly sum: { readonly bits_per_second: number } }[];
  readonly end: {
    readonly sum?: { readonly bits_per_second: number; readonly lost_percent?: number };
    readonly sum_received?: { readonly bits_per_second: number };
  };
}

function readFlow({ start: { connected }, intervals, end }: Iperf): Flow {
  const lostPercent = end.sum?.lost_percent;
  // Of UDP, `sum` is the sender's rate with the receiver's losses.
  const sent = (end.sum?.bits_per_second ?? 0) * (1 - (lostPercent ?? 0) / 100);
  return {
    received: end.sum_received?.bits_per_second ?? sent,
    intervals: intervals.map(({ sum }) => sum.bits_per_second),
    streams: connected.length,
    lostPercent,
  };
}
