// A host of a test's own on this kernel: a network and a mount namespace, so that forwarding, tables, published ports and
// names in /run/netns are nobody else's. Behind its uplink there is one machine, "outside".
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Not the runner's: in node_modules/.bin another program is called nft. */
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
export const UPLINK = '192.0.2.1';
export const OUTSIDE = '192.0.2.2';
/** Where a cloud has its metadata service; outside answers to it. */
export const METADATA = '169.254.169.254';

const SETUP = [
  'mkdir -p /run/netns',
  'mount -t tmpfs tmpfs /run/netns',
  'ip link set lo up',
  'ip netns add outside',
  'ip link add uplink type veth peer name uplink netns outside',
  `ip addr add ${UPLINK}/24 dev uplink`,
  'ip link set uplink up',
  `ip -n outside addr add ${OUTSIDE}/24 dev uplink`,
  `ip -n outside addr add ${METADATA}/32 dev uplink`,
  'ip -n outside link set lo up',
  'ip -n outside link set uplink up',
  `ip route add ${METADATA}/32 via ${OUTSIDE}`,
  'echo ready',
  'exec setpriv --pdeathsig KILL sleep infinity',
].join(' && ');

export interface OwnHost {
  readonly directory: string;
  /** Arguments before a command that runs on this host. */
  readonly prefix: readonly string[];
  /** Runs a shell line there and gives its output; throws when it fails. */
  run(line: string): string;
  /** Exit status of a shell line there. */
  status(line: string): number;
  /** Starts something that runs until the end. */
  start(command: readonly string[], options?: SpawnOptions): ReturnType<typeof spawn>;
  /** Tries for ten seconds at most. */
  untilConnected(netns: string | null, address: string, port: number): Promise<void>;
  /** Whether a TCP connection from the namespace (null: the host) succeeds within two seconds. */
  connects(netns: string | null, address: string, port: number): boolean;
  end(): void;
}

/** `agents`: what agents know of each other is in this directory; without one, this host knows of none but its own. */
export async function openHost({ agents }: { readonly agents?: string } = {}): Promise<OwnHost> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-host-'));
  const known =
    agents === undefined ? 'mount -t tmpfs tmpfs /run/berth-agents' : `mount --bind ${agents} /run/berth-agents`;
  const unshare = [
    '--net',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    `mkdir -p /run/berth-agents && ${known} && ${SETUP}`,
  ];
  const keeper = spawn('unshare', unshare, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(keeper.stdout, 'data');
  const prefix = ['nsenter', '-t', String(keeper.pid), '-m', '-n', '--'];
  const [program = '', ...args] = prefix;
  const shell = (line: string) =>
    spawnSync(program, [...args, 'sh', '-c', line], { encoding: 'utf8', timeout: 20_000, env: { PATH } });
  const started: ReturnType<typeof spawn>[] = [];
  const host: OwnHost = {
    directory,
    prefix,
    run(line) {
      const { status, stdout, stderr } = shell(line);
      if (status !== 0) throw new Error(`${line}: ${status}: ${stderr}`);
      return stdout;
    },
    status: (line) => shell(line).status ?? -1,
    start(command, options = {}) {
      const child = spawn(program, [...args, ...command], { stdio: 'ignore', ...options });
      started.push(child);
      return child;
    },
    connects(netns, address, port) {
      const inside = netns === null ? '' : `nsenter --net=/run/netns/${netns} `;
      const family = address.includes(':') ? 'AF_INET6' : 'AF_INET';
      const script = `import socket; s = socket.socket(socket.${family}); s.settimeout(2); s.connect(("${address}", ${port}))`;
      return shell(`${inside}python3 -c '${script}' 2>&1`).status === 0;
    },
    async untilConnected(netns, address, port) {
      for (let tries = 0; tries < 50; tries++) {
        if (host.connects(netns, address, port)) return;
        await sleep(200);
      }
      throw new Error(`${netns ?? 'the host'} does not reach ${address} port ${port}`);
    },
    end() {
      for (const child of started) child.kill('SIGKILL');
      keeper.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return host;
}
