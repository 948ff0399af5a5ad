// IPCTNL_MSG_CT_DELETE: forgets tracked connections. See linux/netfilter/nfnetlink_conntrack.h and
// ctnetlink_del_conntrack in net/netfilter/nf_conntrack_netlink.c.
import { attribute, nested } from './attribute.js';
import { NLM_F } from './constants.js';
import { inetBytes } from './inet.js';
import { CTA, CTA_FILTER, CTA_IP, CTA_TUPLE_IP, IPCTNL_MSG_CT, NFPROTO } from './netfilter-constants.js';
import { conntrackMessage } from './nfnetlink.js';

// Bits of CTA_FILTER_*_FLAGS: CTA_FILTER_F_CTA_IP_SRC in net/netfilter/nf_conntrack_netlink.c; in host order.
const FILTER_IP_SOURCE = 1;

/** Forgets every connection of the socket's namespace. */
export function flushConnections(): Buffer {
  return conntrackMessage(IPCTNL_MSG_CT.DELETE, NLM_F.ACK, NFPROTO.UNSPEC);
}

/**
 * Forgets the connections that `address` opened (`origin`) or answers (`reply`: the tuple behind translation).
 * Linux 5.8; an older kernel ignores CTA_FILTER and would delete the tuple only.
 */
export function deleteConnections(side: 'origin' | 'reply', address: string): Buffer {
  const bytes = inetBytes(address);
  const v4 = bytes.length === 4;
  const ip = nested(CTA_TUPLE_IP, attribute(v4 ? CTA_IP.V4_SRC : CTA_IP.V6_SRC, bytes));
  const [tuple, flags, other] =
    side === 'origin'
      ? [CTA.TUPLE_ORIG, CTA_FILTER.ORIG_FLAGS, CTA_FILTER.REPLY_FLAGS]
      : [CTA.TUPLE_REPLY, CTA_FILTER.REPLY_FLAGS, CTA_FILTER.ORIG_FLAGS];
  const filter = [hostOrder(flags, FILTER_IP_SOURCE), hostOrder(other, 0)];
  return conntrackMessage(
    IPCTNL_MSG_CT.DELETE,
    NLM_F.ACK,
    v4 ? NFPROTO.IPV4 : NFPROTO.IPV6,
    nested(tuple, ip),
    nested(CTA.FILTER, ...(side === 'origin' ? filter : filter.reverse())),
  );
}

function hostOrder(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}
