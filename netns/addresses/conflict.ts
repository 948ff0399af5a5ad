// Whether a pool can be used on this host. A network that is in use already must not be given to workloads: their /32
// routes would take single addresses out of it, and whoever lives there loses a neighbour at a time.
import type { Route } from '../netlink/route.js';
import { type Cidr, contains, formatCidr, overlap, parseCidr } from './cidr.js';
import { BITS, type Family, parseIp } from './ip.js';

export interface HostRoute extends Pick<Route, 'destination' | 'prefix' | 'type'> {
  /** Name of the link; null when the route names none. */
  readonly link: string | null;
}

export interface HostAddress {
  readonly address: string;
  readonly prefix: number;
  readonly link: string;
}

/** One use of the pool by the host. `network` is the route's or the address's. */
export interface Conflict {
  readonly kind: 'route' | 'address';
  readonly network: string;
  readonly link: string | null;
  /** Shorter than the pool and around it: the longer routes of workloads win, and only neighbours there may be lost. */
  readonly covers: boolean;
  /** One sentence that names network and link. */
  readonly detail: string;
}

/** What is ours: links whose name starts with the prefix, and others (bridges) by name. */
export interface OwnLinks {
  readonly linkPrefix: string;
  readonly links: readonly string[];
}

/**
 * Routes this short say "everything else", not that somebody lives there: 0.0.0.0/1 with 128.0.0.0/1 is how VPN
 * clients override the default route, 2000::/3 is all of the public IPv6.
 */
const LONGEST_DEFAULT: Readonly<Record<Family, number>> = { 4: 1, 6: 3 };

/**
 * Pure: what of the host's `routes` and `addresses` (either family, dumps of all tables) shares addresses with `cidr`,
 * most telling first; empty: the pool is free. A single address is asked for as /32 or /128. Left out are our own
 * links, default routes, and all but unicast: the table `local` repeats the addresses, and before a blackhole or
 * unreachable route, which is how a pool is announced to others, the longer routes of workloads win. Throws AddressError.
 */
export function conflictsWithHost(
  cidr: string,
  routes: readonly HostRoute[],
  addresses: readonly HostAddress[],
  own: OwnLinks,
): Conflict[] {
  const pool = parseCidr(cidr);
  const isOurs = (link: string) => link.startsWith(own.linkPrefix) || own.links.includes(link);
  const conflicts: Conflict[] = [];
  for (const { address, prefix, link } of addresses) {
    if (isOurs(link) || !overlap(networkOf(address, prefix), pool)) continue;
    const network = `${address}/${prefix}`;
    const covers = prefix < pool.prefix && !overlap(networkOf(address, BITS[pool.family]), pool);
    conflicts.push({ kind: 'address', network, link, covers, detail: `${link} has the address ${network}` });
  }
  for (const { destination, prefix, link, type } of routes) {
    if (destination === undefined || link === null || type !== undefined || isOurs(link)) continue;
    const network = networkOf(destination, prefix);
    if (prefix <= LONGEST_DEFAULT[network.family] || !overlap(network, pool)) continue;
    const covers = network.prefix < pool.prefix;
    conflicts.push({ kind: 'route', network: formatCidr(network), link, covers, detail: routed(pool, network, link) });
  }
  return conflicts;
}

function routed(pool: Cidr, network: Cidr, link: string): string {
  const name = formatCidr(network);
  if (network.prefix === pool.prefix) return `${name} is routed to ${link}`;
  if (contains(network, pool)) return `${formatCidr(pool)} is part of ${name}, which is routed to ${link}`;
  return `${name}, a part of ${formatCidr(pool)}, is routed to ${link}`;
}

// Unlike a pool, an address with a prefix has host bits.
function networkOf(address: string, prefix: number): Cidr {
  const { family, value } = parseIp(address);
  const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix);
  return { family, first: value - (value % size), prefix, size };
}

export interface HostNetworks {
  readonly routes: readonly HostRoute[];
  readonly addresses: readonly HostAddress[];
}
