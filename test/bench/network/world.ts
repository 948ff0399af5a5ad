// The host that the network group plays on: a network and a mount namespace of its own. Nothing of the machine is
// touched, nothing of the machine's disturbs, and all of it is gone with the process, even after a kill -9.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { openHost } from '../../../netns/host.js';
import { deleteGroup, setLink } from '../../../netns/netlink/link.js';

// A fresh sysfs, as the old one would show the machine's links; /run empty, so that /run/netns is nobody else's.
// IPv6 is off on the host ends of all ways alike.
const SCRIPT = [
  'mount -t tmpfs none /run',
  'mount -t sysfs none /sys',
  'ip link set lo up',
  'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6',
  'exec "$@"',
].join(' && ');

/** By full path, as netns/firewall/nft.ts does. */
export const NFT = '/usr/sbin/nft';

/** Command to start a process of that world with. */
export const WORLD = ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh'] as const;

/** Links but loopback, namespaces by name, and nft tables. */
export function leftovers(): string[] {
  const links: { readonly ifname: string }[] = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' }));
  const others = links.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const tables = existsSync(NFT) ? execFileSync(NFT, ['list', 'tables'], { encoding: 'utf8' }).trim() : '';
  return [
    ...others.map((name) => `link ${name}`),
    ...names.map((name) => `netns ${name}`),
    ...(tables === '' ? [] : tables.split('\n')),
  ];
}

/** A figure of /proc/meminfo in kB. Throws RangeError for one that is not there. */
export function meminfo(field: 'MemAvailable' | 'Slab' | 'Percpu'): number {
  const found = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  if (found === undefined) throw new RangeError(`/proc/meminfo has no ${field}`);
  return Number(found);
}

const LOOK_MS = 250;

/**
 * Waits until no namespace has come or gone for a second, at most 20 s, or until `signal`: the kernel destroys them behind
 * the back of whoever gave them up, and the next measurement would pay for it.
 */
export async function settled(signal: AbortSignal): Promise<void> {
  let last = namespaces();
  for (let look = 0, still = 0; look < 80 && still < 4 && !signal.aborted; look++) {
    await setTimeout(LOOK_MS);
    const now = namespaces();
    still = now === last ? still + 1 : 0;
    last = now;
  }
}

// Of the whole machine, and with those that a cpu keeps for its next one: good for whether it changes, not for how many.
function namespaces(): number {
  return Number(/^net_namespace\s+(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8'))?.[1]);
}

const GROUP = 4711;

/** Deletes all links whose name starts with `prefix`, in one message. */
export function removeLinks(prefix: string): void {
  const host = openHost();
  try {
    const mine = host.rtnl.links(({ name }) => name.startsWith(prefix), { counters: false });
    const request = { op: 'RTM_SETLINK', path: `${prefix}*` };
    const moves = mine.map(({ index }) => ({ ...request, message: setLink({ index, group: GROUP }) }));
    if (moves.length === 0) return;
    // A send of many hundreds would outgrow the socket's buffer for the answers.
    for (let at = 0; at < moves.length; at += 200) host.rtnl.transact(moves.slice(at, at + 200));
    host.rtnl.transact([{ ...request, message: deleteGroup(GROUP) }]);
  } finally {
    host.close();
  }
}
