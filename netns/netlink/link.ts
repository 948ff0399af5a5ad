// RTM_*LINK: struct ifinfomsg and IFLA_* attributes. See rtnetlink(7), linux/if_link.h.
import { attribute, eachAttribute, mac, nested, readMac, readText, readU64, text, u8, u32 } from './attribute.js';
import {
  ADDR_GEN_MODE,
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFF_UP,
  IFLA,
  IFLA_BR,
  IFLA_INET,
  IFLA_INET6,
  IFLA_INFO,
  IPV4_DEVCONF,
  NLM_F,
  nameOf,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
  VETH_INFO,
} from './constants.js';
import { type Message, message } from './message.js';

/** `none`: the link gets no link-local address of its own when it comes up. */
export type AddressGeneration = keyof typeof ADDR_GEN_MODE;

/** Settings of one link; absent ones are not sent. `netnsFd` moves it (or makes the peer) in that namespace. */
export interface LinkSettings {
  readonly index?: number;
  readonly name?: string;
  readonly alias?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly group?: number;
  /** Index of the bridge; 0 takes the link out of its bridge. */
  readonly master?: number;
  readonly netnsFd?: number;
  readonly up?: boolean;
  /** Only of a link that exists and has IPv6; EAFNOSUPPORT otherwise, also while creating. */
  readonly addressGeneration?: AddressGeneration;
  /** Takes IPv4 packets, and learns from ARP, only for sources that are routed to this link (rp_filter 1). Not while creating. */
  readonly strictSources?: true;
}

/** Counters of struct rtnl_link_stats64 that the kernel counts for every link. */
export interface LinkCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** A link as the kernel reports it. `peer` is IFLA_LINK: for a veth the index of the other end, in its namespace. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly alias: string | undefined;
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly group: number | undefined;
  readonly master: number | undefined;
  readonly kind: string | undefined;
  /** Whether a bridge keeps VLANs apart; undefined for other links, and where the kernel cannot. */
  readonly vlanFiltering: boolean | undefined;
  readonly peer: number | undefined;
  readonly peerNetns: number | undefined;
  /** Undefined where the link has no IPv6. */
  readonly addressGeneration: AddressGeneration | undefined;
  readonly counters: LinkCounters | undefined;
}

const IFINFOMSG = 16;
const STATS64_READ = 64;

function header(index: number, up: boolean | undefined): Buffer {
  const out = Buffer.alloc(IFINFOMSG);
  out.writeUInt8(AF_UNSPEC, 0);
  out.writeInt32LE(index, 4);
  if (up !== undefined) {
    out.writeUInt32LE(up ? IFF_UP : 0, 8);
    out.writeUInt32LE(IFF_UP, 12);
  }
  return out;
}

function settings(link: LinkSettings): Buffer {
  const parts = [header(link.index ?? 0, link.up)];
  if (link.name !== undefined) parts.push(text(IFLA.IFNAME, link.name));
  if (link.alias !== undefined) parts.push(text(IFLA.IFALIAS, link.alias));
  if (link.mac !== undefined) parts.push(mac(IFLA.ADDRESS, link.mac));
  if (link.mtu !== undefined) parts.push(u32(IFLA.MTU, link.mtu));
  if (link.master !== undefined) parts.push(u32(IFLA.MASTER, link.master));
  if (link.group !== undefined) parts.push(u32(IFLA.GROUP, link.group));
  if (link.netnsFd !== undefined) parts.push(u32(IFLA.NET_NS_FD, link.netnsFd));
  const families: Buffer[] = [];
  if (link.strictSources !== undefined)
    families.push(nested(AF_INET, nested(IFLA_INET.CONF, u32(IPV4_DEVCONF.RP_FILTER, 1))));
  if (link.addressGeneration !== undefined)
    families.push(nested(AF_INET6, u8(IFLA_INET6.ADDR_GEN_MODE, ADDR_GEN_MODE[link.addressGeneration])));
  if (families.length > 0) parts.push(nested(IFLA.AF_SPEC, ...families));
  return Buffer.concat(parts);
}

/**
 * RTM_NEWLINK for a veth pair. The peer must not be `up` here: veth_open() of a half-made pair answers ENOTCONN.
 * The kernel ignores IFLA_IFALIAS while creating, so an alias takes a `setLink` behind it in the same send.
 */
export function newVeth(link: LinkSettings, peer: LinkSettings): Buffer {
  const data = nested(IFLA_INFO.DATA, attribute(VETH_INFO.PEER, settings(peer)));
  const info = nested(IFLA.LINKINFO, text(IFLA_INFO.KIND, 'veth'), data);
  return message(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL, settings(link), info);
}

/** RTM_NEWLINK for an IFB, a link whose only use is the qdisc in front of it (Documentation: tc-mirred(8)). */
export function newIfb(link: LinkSettings): Buffer {
  const info = nested(IFLA.LINKINFO, text(IFLA_INFO.KIND, 'ifb'));
  return message(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL, settings(link), info);
}

/** Changes the link found by index, or by name when the index is absent. */
export function setLink(link: LinkSettings): Buffer {
  return message(RTM.SETLINK, NLM_F.REQUEST | NLM_F.ACK, settings(link));
}

export function deleteLink(index: number): Buffer {
  return message(RTM.DELLINK, NLM_F.REQUEST | NLM_F.ACK, header(index, undefined));
}

/** One message deletes every link of the group: one RCU wait for all instead of one each. */
export function deleteGroup(group: number): Buffer {
  return message(RTM.DELLINK, NLM_F.REQUEST | NLM_F.ACK, header(0, undefined), u32(IFLA.GROUP, group));
}

export function getLink(which: { readonly name: string } | { readonly index: number }, counters = false): Buffer {
  const body = 'name' in which ? settings({ name: which.name }) : header(which.index, undefined);
  const mask = counters ? 0 : RTEXT_FILTER_SKIP_STATS;
  return message(RTM.GETLINK, NLM_F.REQUEST | NLM_F.ACK, body, u32(IFLA.EXT_MASK, mask));
}

/** Dump of all links; without `counters` the answer is about a third as long. */
export function dumpLinks(counters: boolean): Buffer {
  const mask = counters ? 0 : RTEXT_FILTER_SKIP_STATS;
  return message(RTM.GETLINK, NLM_F.REQUEST | NLM_F.DUMP, header(0, undefined), u32(IFLA.EXT_MASK, mask));
}

/** Reads RTM_NEWLINK. Attributes that the kernel left out are undefined. */
export function parseLink(reply: Message): Link {
  return readLink(reply.buffer, reply.start, reply.end);
}

/** The settings of the veth peer inside a message made by `newVeth`; undefined for any other message. */
export function parseVethPeer(request: Message): Link | undefined {
  const { buffer } = request;
  let peer: Link | undefined;
  eachAttribute(buffer, request.start + IFINFOMSG, request.end, (type, start, end) => {
    if (type !== IFLA.LINKINFO) return;
    eachAttribute(buffer, start, end, (inner, from, to) => {
      if (inner !== IFLA_INFO.DATA) return;
      eachAttribute(buffer, from, to, (option, at, stop) => {
        if (option === VETH_INFO.PEER) peer = readLink(buffer, at, stop);
      });
    });
  });
  return peer;
}

function readLink(buffer: Buffer, start: number, end: number): Link {
  const link = {
    index: buffer.readInt32LE(start + 4),
    name: '',
    up: (buffer.readUInt32LE(start + 8) & IFF_UP) !== 0,
    alias: undefined as string | undefined,
    mac: undefined as string | undefined,
    mtu: undefined as number | undefined,
    group: undefined as number | undefined,
    master: undefined as number | undefined,
    kind: undefined as string | undefined,
    vlanFiltering: undefined as boolean | undefined,
    peer: undefined as number | undefined,
    peerNetns: undefined as number | undefined,
    addressGeneration: undefined as AddressGeneration | undefined,
    counters: undefined as LinkCounters | undefined,
  };
  eachAttribute(buffer, start + IFINFOMSG, end, (type, from, to) => {
    if (type === IFLA.IFNAME) link.name = readText(buffer, from, to);
    else if (type === IFLA.IFALIAS) link.alias = readText(buffer, from, to);
    else if (type === IFLA.ADDRESS) link.mac = readMac(buffer, from, to);
    else if (type === IFLA.MTU) link.mtu = buffer.readUInt32LE(from);
    else if (type === IFLA.GROUP) link.group = buffer.readUInt32LE(from);
    else if (type === IFLA.MASTER) link.master = buffer.readUInt32LE(from);
    else if (type === IFLA.LINK) link.peer = buffer.readUInt32LE(from);
    else if (type === IFLA.LINK_NETNSID) link.peerNetns = buffer.readInt32LE(from);
    else if (type === IFLA.AF_SPEC) link.addressGeneration = readAddressGeneration(buffer, from, to);
    else if (type === IFLA.LINKINFO) Object.assign(link, readInfo(buffer, from, to));
    else if (type === IFLA.STATS64 && to - from >= STATS64_READ) link.counters = readCounters(buffer, from);
  });
  return link;
}

function readInfo(buffer: Buffer, start: number, end: number) {
  const info: { kind: string | undefined; vlanFiltering?: boolean } = { kind: undefined };
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === IFLA_INFO.KIND) info.kind = readText(buffer, from, to);
    else if (type === IFLA_INFO.DATA && info.kind === 'bridge')
      eachAttribute(buffer, from, to, (option, at) => {
        if (option === IFLA_BR.VLAN_FILTERING) info.vlanFiltering = buffer.readUInt8(at) !== 0;
      });
  });
  return info;
}

function readAddressGeneration(buffer: Buffer, start: number, end: number): AddressGeneration | undefined {
  let mode: AddressGeneration | undefined;
  eachAttribute(buffer, start, end, (family, from, to) => {
    if (family !== AF_INET6) return;
    eachAttribute(buffer, from, to, (type, at) => {
      if (type === IFLA_INET6.ADDR_GEN_MODE) mode = nameOf(ADDR_GEN_MODE, buffer.readUInt8(at));
    });
  });
  return mode;
}

// Counters are 64 bits. As numbers they are exact up to 2^53 (9 PB) and beyond that off by less than one part in
// 10^15; Prometheus stores doubles anyway, and BigInt for thousands of links costs several times more.
function readCounters(buffer: Buffer, at: number): LinkCounters {
  const u64 = (slot: number) => readU64(buffer, at + slot * 8);
  return {
    rxPackets: u64(0),
    txPackets: u64(1),
    rxBytes: u64(2),
    txBytes: u64(3),
    rxDropped: u64(6),
    txDropped: u64(7),
  };
}
