// How fast a guest behind the tap of its namespace may have the kernel remember neighbours. The neighbour table is one for all
// namespaces of the host, and the filter of the host does not see what ends in this one. Made by netlink alone, in one transaction.
import { inetBytes } from '../netlink/inet.js';
import { NF_INET, NF_POLICY, NFPROTO, NFT_META } from '../netlink/netfilter-constants.js';
import {
  deleteRules,
  differInNetworkHeader,
  matchLink,
  matchNetworkHeader,
  newBaseChain,
  newRule,
  newTable,
  stateful,
  type TableName,
  verdictOf,
} from '../netlink/nftables.js';
import type { Nfnl } from '../nfnl.js';

/** Of one link, for neighbours, routers and groups. The burst is for a guest that starts; then it only confirms what it knows. */
export const DISCOVERY = { perSecond: 2, burst: 32 } as const;

const TABLE: TableName = { family: NFPROTO.IPV6, table: 'berth-discovery' };
/** NF_IP6_PRI_RAW in linux/netfilter_ipv6.h. */
const RAW = -300;
/** Of the fields in struct ipv6hdr. */
const OFFSET = { saddr: 8, daddr: 24 } as const;
/** First byte of all link-local addresses, and of no address that is routed. */
const LINK_LOCAL = Buffer.from([0xfe]);

export interface GuestTap {
  readonly tap: string;
  /** Of the guest. */
  readonly address6: string;
}

/**
 * Bounds everything that comes from the tap but what the guest sends from its address to others than link-local ones: any
 * sender in discovery is learned, and so is whoever is answered or forwarded to on the link. Idempotent. Throws SysError.
 */
export function boundDiscovery(inside: Nfnl, { tap, address6 }: GuestTap): void {
  const messages = [
    newTable(TABLE),
    newBaseChain(TABLE, 'prerouting', 'filter', NF_INET.PRE_ROUTING, RAW),
    deleteRules(TABLE),
    newRule(TABLE, 'prerouting', [
      ...matchLink(NFT_META.IIFNAME, tap),
      ...matchNetworkHeader(OFFSET.saddr, inetBytes(address6)),
      ...differInNetworkHeader(OFFSET.daddr, LINK_LOCAL),
      verdictOf(NF_POLICY.ACCEPT),
    ]),
    newRule(TABLE, 'prerouting', [
      ...matchLink(NFT_META.IIFNAME, tap),
      stateful({ kind: 'limit', rate: DISCOVERY.perSecond, burst: DISCOVERY.burst }),
      stateful({ kind: 'counter', packets: 0, bytes: 0 }),
      verdictOf(NF_POLICY.DROP),
    ]),
  ];
  inside.commit(messages.map((message) => ({ message, op: 'NFT_MSG_NEWRULE', path: `ip6 ${TABLE.table}` })));
}
