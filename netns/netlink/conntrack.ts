// IPCTNL_MSG_CT_*: tracked connections, told and forgotten. See linux/netfilter/nfnetlink_conntrack.h and
// ctnetlink_del_conntrack, ctnetlink_alloc_filter in net/netfilter/nf_conntrack_netlink.c.
import { attribute, eachAttribute, nested } from './attribute.js';
import { NLM_F } from './constants.js';
import { inetBytes } from './inet.js';
import type { Message } from './message.js';
import {
  CTA,
  CTA_FILTER,
  CTA_IP,
  CTA_PROTO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
  NFPROTO,
  TCP_CONNTRACK_ESTABLISHED,
} from './netfilter-constants.js';
import { conntrackMessage, NFGENMSG } from './nfnetlink.js';

// Bits of CTA_FILTER_*_FLAGS: CTA_FILTER_F_* in net/netfilter/nf_conntrack_netlink.c; in host order.
const FILTER = { IP_SRC: 1, PROTO_NUM: 8, PROTO_DST_PORT: 32 } as const;

export type Family = 4 | 6;

/** One direction. Addresses are their bytes as a latin1 string: tables have tens of thousands, few are shown to anybody. */
export interface Direction {
  readonly source: string;
  readonly destination: string;
  /** 0 for protocols without ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** One entry. Its buffers are views of the answer, valid until the next receive. */
export interface Connection {
  readonly family: Family;
  /** IPPROTO_*. */
  readonly protocol: number;
  /** What the first packet said, before translation. */
  readonly original: Direction;
  /** What an answer says: its source is who is really spoken to. */
  readonly reply: Direction;
  /** TCP with a finished handshake, and no end yet. */
  readonly established: boolean;
  /** CTA_TUPLE_ORIG, CTA_ID and CTA_ZONE, which name the entry in a request. */
  readonly names: readonly Buffer[];
}

/**
 * What the kernel picks for a dump. Linux 5.8; an older one tells all entries of the family: look again. `source` (who opened
 * it) and `answers` (who is really spoken to) are IPv4 addresses: of IPv6 ones the kernel picks all but the one that is asked for (ctnetlink_filter_match_tuple compares with
 * `!ipv6_addr_cmp`; seen in 6.18).
 */
export type Selection =
  | { readonly source: string }
  | { readonly answers: string }
  | { readonly protocol: number; readonly destinationPort: number }
  | undefined;

/** Forgets every connection of the socket's namespace. */
export function flushConnections(): Buffer {
  return conntrackMessage(IPCTNL_MSG_CT.DELETE, NLM_F.ACK, NFPROTO.UNSPEC);
}

/**
 * Forgets the connections that an IPv4 address opened (`origin`) or answers (`reply`: the tuple behind translation); see
 * Selection. Linux 5.8; an older kernel ignores CTA_FILTER and would delete the tuple only. Throws RangeError.
 */
export function deleteConnections(side: 'origin' | 'reply', address: string): Buffer {
  return conntrackMessage(IPCTNL_MSG_CT.DELETE, NLM_F.ACK, NFPROTO.IPV4, ...bySource(side, address));
}

/** Forgets one connection; ENOENT when it is gone or another has taken its place. */
export function deleteConnection({ family, names }: Connection): Buffer {
  const proto = family === 4 ? NFPROTO.IPV4 : NFPROTO.IPV6;
  return conntrackMessage(IPCTNL_MSG_CT.DELETE, NLM_F.ACK, proto, ...names);
}

/** Dump of the connections of one family that `pick` describes. */
export function dumpConnections(family: Family, pick?: Selection): Buffer {
  const proto = family === 4 ? NFPROTO.IPV4 : NFPROTO.IPV6;
  return conntrackMessage(IPCTNL_MSG_CT.GET, NLM_F.DUMP, proto, ...filterOf(pick));
}

/** Reads one answer of a dump. */
export function parseConnection({ buffer, start, end }: Message): Connection {
  const family = buffer.readUInt8(start) === NFPROTO.IPV6 ? 6 : 4;
  const names: Buffer[] = [];
  let original: Parsed = NOTHING;
  let reply: Parsed = NOTHING;
  let established = false;
  eachAttribute(buffer, start + NFGENMSG, end, (type, from, to) => {
    if (type === CTA.TUPLE_ORIG) original = parseTuple(buffer, from, to);
    else if (type === CTA.TUPLE_REPLY) reply = parseTuple(buffer, from, to);
    else if (type === CTA.PROTOINFO) established = isEstablished(buffer, from, to);
    // With its header, as it came.
    if (type === CTA.TUPLE_ORIG || type === CTA.ID || type === CTA.ZONE) names.push(buffer.subarray(from - 4, pad(to)));
  });
  return { family, protocol: original.protocol, original, reply, established, names };
}

interface Parsed extends Direction {
  readonly protocol: number;
}

const NOTHING: Parsed = { source: '', destination: '', sourcePort: 0, destinationPort: 0, protocol: 0 };

function parseTuple(buffer: Buffer, start: number, end: number): Parsed {
  const tuple = { ...NOTHING };
  eachAttribute(buffer, start, end, (part, first, last) => {
    eachAttribute(buffer, first, last, (type, from, to) => {
      if (part === CTA_TUPLE.IP) {
        if (type === CTA_IP.V4_SRC || type === CTA_IP.V6_SRC) tuple.source = buffer.toString('latin1', from, to);
        else if (type === CTA_IP.V4_DST || type === CTA_IP.V6_DST)
          tuple.destination = buffer.toString('latin1', from, to);
      } else if (part === CTA_TUPLE.PROTO) {
        if (type === CTA_PROTO.NUM) tuple.protocol = buffer.readUInt8(from);
        else if (type === CTA_PROTO.SRC_PORT) tuple.sourcePort = buffer.readUInt16BE(from);
        else if (type === CTA_PROTO.DST_PORT) tuple.destinationPort = buffer.readUInt16BE(from);
      }
    });
  });
  return tuple;
}

function isEstablished(buffer: Buffer, start: number, end: number): boolean {
  let found = false;
  eachAttribute(buffer, start, end, (kind, first, last) => {
    if (kind !== CTA_PROTOINFO_TCP) return;
    eachAttribute(buffer, first, last, (type, from) => {
      if (type === CTA_PROTOINFO_TCP_STATE) found = buffer.readUInt8(from) === TCP_CONNTRACK_ESTABLISHED;
    });
  });
  return found;
}

function filterOf(pick: Selection): Buffer[] {
  if (pick === undefined) return [];
  if ('source' in pick) return bySource('origin', pick.source);
  if ('answers' in pick) return bySource('reply', pick.answers);
  const proto = nested(
    CTA_TUPLE.PROTO,
    attribute(CTA_PROTO.NUM, Buffer.from([pick.protocol])),
    port(CTA_PROTO.DST_PORT, pick.destinationPort),
  );
  return [nested(CTA.TUPLE_ORIG, proto), flags('origin', FILTER.PROTO_NUM | FILTER.PROTO_DST_PORT)];
}

function bySource(side: 'origin' | 'reply', address: string): Buffer[] {
  const bytes = inetBytes(address);
  if (bytes.length !== 4) throw new RangeError(`the kernel picks connections by IPv4 addresses only, not ${address}`);
  const ip = nested(CTA_TUPLE.IP, attribute(CTA_IP.V4_SRC, bytes));
  return [nested(side === 'origin' ? CTA.TUPLE_ORIG : CTA.TUPLE_REPLY, ip), flags(side, FILTER.IP_SRC)];
}

function flags(side: 'origin' | 'reply', value: number): Buffer {
  return nested(
    CTA.FILTER,
    hostOrder(CTA_FILTER.ORIG_FLAGS, side === 'origin' ? value : 0),
    hostOrder(CTA_FILTER.REPLY_FLAGS, side === 'reply' ? value : 0),
  );
}

function hostOrder(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

function port(type: number, value: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(value);
  return attribute(type, payload);
}

function pad(at: number): number {
  return (at + 3) & ~3;
}
