// The rival of everyone's shell scripts: ip(8), a process for each command, or two that read their commands.
import { spawnSync } from 'node:child_process';
import { closeSync, writeFileSync } from 'node:fs';
import { enterNetwork, openNamespace, visitNetwork } from '../../../linux/namespace.js';
import { GATEWAY } from '../../../netns/types.js';
import { time, turn, type Way } from '../interleave.js';
import type { NamedNetwork } from './names.js';

const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';

/** The commands of one container sandbox, to the same objects as ours: on the host, then in the namespace. */
function commands(network: NamedNetwork): { readonly host: string[]; readonly inside: string[] } {
  const { netns, hostLink, owner, mac, mtu, address, group } = network;
  return {
    host: [
      `link add ${hostLink} mtu ${mtu} address ${GATEWAY_MAC} type veth peer name eth0 mtu ${mtu} address ${mac} netns ${netns}`,
      `link set ${hostLink} alias ${owner} group ${group} up`,
      `addr add ${GATEWAY}/32 dev ${hostLink} scope link`,
      `route add ${address}/32 dev ${hostLink} scope link src ${GATEWAY}`,
    ],
    inside: [
      'link set lo up',
      `link set eth0 alias ${owner} up`,
      `addr add ${address}/32 dev eth0`,
      `route add ${GATEWAY}/32 dev eth0 scope link src ${address}`,
      `route add default via ${GATEWAY} dev eth0 src ${address}`,
    ],
  };
}

/** Ten commands, a process for each. */
export function separateWay(network: (number: number) => NamedNetwork): Way {
  return each('ip', network, (wanted) => {
    const { host, inside } = commands(wanted);
    return [
      () => ip(['netns', 'add', wanted.netns]),
      () => {
        for (const line of host) ip(line.split(' '));
        for (const line of inside) ip(['-n', wanted.netns, ...line.split(' ')]);
      },
    ];
  });
}

/** Two processes, one on the host and one in the namespace, as `-batch` cannot change over. */
export function batchWay(network: (number: number) => NamedNetwork): Way {
  return each('ip -batch', network, (wanted) => {
    const { host, inside } = commands(wanted);
    const text = (lines: readonly string[]) => `${lines.join('\n')}\n`;
    return [
      () => ip(['-batch', '-'], text([`netns add ${wanted.netns}`, ...host])),
      () => ip(['-n', wanted.netns, '-batch', '-'], text(inside)),
    ];
  });
}

type Halves = readonly [before: () => void, after: () => void];

function each(name: string, network: (number: number) => NamedNetwork, halves: (wanted: NamedNetwork) => Halves): Way {
  return {
    name,
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        await turn();
        const wanted = network(number);
        const [before, after] = halves(wanted);
        const first = await time(before);
        // As ours has it, but as a present: another process for it would be added to the rival's time.
        disableIpv6(wanted.netns);
        values.push(first + (await time(after)));
      }
      return values;
    },
  };
}

/** Runs ip(8). Throws Error with what it said. */
export function ip(args: readonly string[], input?: string): void {
  const { status, stderr, error } = spawnSync('ip', args, { input, encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

function disableIpv6(netns: string): void {
  const [home, fd] = [openNamespace(), openNamespace(`/run/netns/${netns}`)];
  try {
    const path = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
    visitNetwork(
      home,
      () => enterNetwork(fd),
      () => writeFileSync(path, '1'),
    );
  } finally {
    closeSync(fd);
    closeSync(home);
  }
}
