// The names that the rules and the elements share.
import { NFPROTO } from '../netlink/netfilter-constants.js';
import { DROP_REASONS, type DropReason } from '../types.js';

export type Family = 'inet' | 'bridge';

export const FAMILY = { inet: NFPROTO.INET, bridge: NFPROTO.BRIDGE } as const;

/** Sets whose elements come from sandboxes, with the type of their key (and value) as in nft(8). */
export const SETS = {
  inet: {
    // What a link may send: its own MAC with its own address.
    sources: 'type ifname . ether_addr . ipv4_addr',
    sources6: 'type ifname . ether_addr . ipv6_addr',
    // Links that may speak IPv6 to their neighbour, the host, from a link-local address.
    links6: 'type ifname . ether_addr',
    // Workloads behind a bridge: their packets come from the bridge, so only the address tells whose they are.
    bridged: 'type ipv4_addr',
    bridged6: 'type ipv6_addr',
    groups: 'typeof iifgroup . oifgroup',
    metadata: 'type ipv4_addr',
    metadata6: 'type ipv6_addr',
    // What a workload may not reach: a chain for each list of ranges, shared by all that have it (policy.ts).
    policies: 'type ipv4_addr : verdict',
    policies6: 'type ipv6_addr : verdict',
    // Workloads that everybody with a route may reach, and those that not even their own group may.
    open: 'type ipv4_addr',
    open6: 'type ipv6_addr',
    closed: 'type ipv4_addr',
    closed6: 'type ipv6_addr',
    // Who may not connect to a published port: a chain as of a policy, by the port of the host (which nft concatenates with
    // nothing where it is asked for behind translation).
    senders_tcp: 'type inet_service : verdict',
    senders_udp: 'type inet_service : verdict',
    senders_tcp6: 'type inet_service : verdict',
    senders_udp6: 'type inet_service : verdict',
    // Hash tables that can hold state in elements (nft_rhash): what is of no size, or `dynamic`; nothing adds to them but
    // us. From a dynamic set the kernel takes elements without connections within a second (nft_rhash_gc); before 6.15,
    // and the stable kernels of April 2025 (6.12.23, 6.6.87, 6.1.134), from every set.
    connections: 'type ipv4_addr',
    connections6: 'type ipv6_addr',
    packets_out: 'type ifname; flags dynamic; size 65535',
    packets_in: 'type ifname; flags dynamic; size 65535',
    hairpin: 'type ipv4_addr . ipv4_addr',
    hairpin6: 'type ipv6_addr . ipv6_addr',
    ports: 'type inet_proto . inet_service : ipv4_addr . inet_service',
    ports6: 'type inet_proto . inet_service : ipv6_addr . inet_service',
  },
  bridge: {
    sources: 'type ifname . ether_addr . ipv4_addr',
    sources6: 'type ifname . ether_addr . ipv6_addr',
    links: 'type ifname . ether_addr',
    links6: 'type ifname . ether_addr',
    packets_out: 'type ifname; flags dynamic; size 65535',
    packets_in: 'type ifname; flags dynamic; size 65535',
  },
} as const;

const SENDERS = ['senders_tcp', 'senders_udp', 'senders_tcp6', 'senders_udp6'] as const;

/** Maps are declared with another word than sets. */
export const MAPS: readonly string[] = ['policies', 'policies6', ...SENDERS, 'ports', 'ports6'];

/** Sets that the kernel fills: packets dropped, by link. */
export function dropSet(reason: DropReason): string {
  return `dropped_${reason}`;
}

/** What each table can drop for. */
export const REASONS = { inet: DROP_REASONS, bridge: ['spoofed', 'packets'] } as const satisfies Record<
  Family,
  readonly DropReason[]
>;

/** Sets that the kernel fills: new connections by protocol family, before and behind everyone else's filters. */
export const TRAFFIC = { offered: 'offered', passed: 'passed' } as const;
