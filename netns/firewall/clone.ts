// Address translation inside a sandbox's own namespace, for guests that were cloned from one snapshot and all believe
// in the same address. Made by netlink alone: this is on the way of every start of a clone.
import { constants } from 'node:os';
import { inetBytes } from '../netlink/inet.js';
import { NF_INET, NFPROTO, NFT_META, NFT_NAT } from '../netlink/netfilter-constants.js';
import {
  deleteRules,
  deleteTable,
  matchLink,
  matchNetworkHeader,
  newBaseChain,
  newRule,
  newTable,
  type TableName,
  translate,
} from '../netlink/nftables.js';
import type { Nfnl } from '../nfnl.js';

/** `address` is what the world sees, `guestAddress` what the guest believes; both IPv4. */
export interface CloneNat {
  readonly address: string;
  readonly guestAddress: string;
}

const TABLE: TableName = { family: NFPROTO.IPV4, table: 'berth-clone' };
/** NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC in linux/netfilter_ipv4.h. */
const PRIORITY = { dnat: -100, snat: 100 } as const;
/** Of the fields in struct iphdr. */
const OFFSET = { saddr: 12, daddr: 16 } as const;

/**
 * Translates between the two at eth0 of the namespace that `inside` was opened in. Idempotent, one transaction, also
 * with other addresses than before (established connections keep theirs). Throws SysError.
 */
export function provideCloneNat(inside: Nfnl, { address, guestAddress }: CloneNat): void {
  const outer = inetBytes(address);
  const guest = inetBytes(guestAddress);
  const messages = [
    newTable(TABLE),
    newBaseChain(TABLE, 'prerouting', 'nat', NF_INET.PRE_ROUTING, PRIORITY.dnat),
    newBaseChain(TABLE, 'postrouting', 'nat', NF_INET.POST_ROUTING, PRIORITY.snat),
    deleteRules(TABLE),
    newRule(TABLE, 'prerouting', [
      ...matchLink(NFT_META.IIFNAME, 'eth0'),
      ...matchNetworkHeader(OFFSET.daddr, outer),
      ...translate(NFT_NAT.DNAT, NFPROTO.IPV4, guest),
    ]),
    newRule(TABLE, 'postrouting', [
      ...matchLink(NFT_META.OIFNAME, 'eth0'),
      ...matchNetworkHeader(OFFSET.saddr, guest),
      ...translate(NFT_NAT.SNAT, NFPROTO.IPV4, outer),
    ]),
  ];
  inside.commit(messages.map((message) => ({ message, op: 'NFT_MSG_NEWRULE', path: `ip ${TABLE.table}` })));
}

/** Takes the translation away; none is fine. Throws SysError. */
export function removeCloneNat(inside: Nfnl): void {
  const request = { message: deleteTable(TABLE), op: 'NFT_MSG_DELTABLE', path: `ip ${TABLE.table}` };
  inside.commit([{ ...request, tolerate: [constants.errno.ENOENT] }]);
}
