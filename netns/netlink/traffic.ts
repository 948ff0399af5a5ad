// RTM_*QDISC: struct tcmsg and TCA_* attributes. See rtnetlink(7), linux/pkt_sched.h, net/sched/sch_api.c.
import { eachAttribute, nested, readText, readU64, text, u32 } from './attribute.js';
import { AF_UNSPEC, NLM_F } from './constants.js';
import { type Message, message } from './message.js';
import { decodeTokenBucket, encodeTokenBucket, type TokenBucket } from './token-bucket.js';
import { INGRESS_HANDLE, RTM_TC, TC_H, TCA, TCA_FQ_CODEL, TCA_STATS } from './traffic-constants.js';

/** Where a qdisc is: on which link, behind which class (TC_H.ROOT, TC_H.INGRESS or a class), under which handle. */
export interface Place {
  readonly index: number;
  readonly parent: number;
  readonly handle: number;
}

/** Counters since the qdisc was made; `dropped` includes those of its children. */
export interface QueueCounters {
  readonly bytes: number;
  readonly packets: number;
  readonly queuedPackets: number;
  readonly queuedBytes: number;
  readonly dropped: number;
  /** How often a packet had to wait. */
  readonly overLimits: number;
}

/** A qdisc as the kernel reports it. */
export interface Qdisc extends Place {
  readonly kind: string;
  /** Of kind `tbf`. */
  readonly bucket: TokenBucket | undefined;
  readonly counters: QueueCounters | undefined;
}

/** struct tcmsg. */
const TCMSG = { size: 20, index: 4, handle: 8, parent: 12, info: 16 } as const;
const CONVERGE = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE;

/** `info` is only of filters: priority << 16 | protocol in network order. */
export function trafficHeader(place: Place, info = 0): Buffer {
  const out = Buffer.alloc(TCMSG.size);
  out.writeUInt8(AF_UNSPEC, 0);
  out.writeInt32LE(place.index, TCMSG.index);
  out.writeUInt32LE(place.handle, TCMSG.handle);
  out.writeUInt32LE(place.parent, TCMSG.parent);
  out.writeUInt32LE(info, TCMSG.info);
  return out;
}

export function readTrafficHeader(reply: Message): Place & { readonly info: number; readonly attributes: number } {
  const { buffer, start } = reply;
  return {
    index: buffer.readInt32LE(start + TCMSG.index),
    handle: buffer.readUInt32LE(start + TCMSG.handle),
    parent: buffer.readUInt32LE(start + TCMSG.parent),
    info: buffer.readUInt32LE(start + TCMSG.info),
    attributes: start + TCMSG.size,
  };
}

/**
 * Makes the bucket; one of the same handle at that place is changed in place: what it holds and its child stay, the
 * tokens are full again. Another qdisc of the same handle is EINVAL. ENOENT: the kernel has no tbf.
 */
export function newTokenBucket(place: Place, bucket: TokenBucket): Buffer {
  const options = nested(TCA.OPTIONS, ...encodeTokenBucket(bucket));
  return message(RTM_TC.NEWQDISC, CONVERGE, trafficHeader(place), text(TCA.KIND, 'tbf'), options);
}

/** Makes or changes an fq_codel queue. `flows` only when making it: the kernel refuses it in a change. */
export function newFairQueue(place: Place, queue: { readonly flows?: number; readonly memoryBytes: number }): Buffer {
  const flows = queue.flows === undefined ? [] : [u32(TCA_FQ_CODEL.FLOWS, queue.flows)];
  const options = nested(TCA.OPTIONS, ...flows, u32(TCA_FQ_CODEL.MEMORY_LIMIT, queue.memoryBytes));
  return message(RTM_TC.NEWQDISC, CONVERGE, trafficHeader(place), text(TCA.KIND, 'fq_codel'), options);
}

/** The hook for filters of what a link receives; EEXIST when there is one, or clsact, which has the same place. */
export function newIngress(index: number): Buffer {
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;
  const place = { index, parent: TC_H.INGRESS, handle: INGRESS_HANDLE };
  return message(RTM_TC.NEWQDISC, flags, trafficHeader(place), text(TCA.KIND, 'ingress'));
}

/** Deletes a qdisc with its children and filters. */
export function deleteQdisc(place: Place): Buffer {
  return message(RTM_TC.DELQDISC, NLM_F.REQUEST | NLM_F.ACK, trafficHeader(place));
}

/**
 * Asks for one qdisc, as a dump cannot be limited to a link. Without NLM_F_ECHO the answer goes to the listeners of
 * RTNLGRP_TC alone. A default qdisc, which the kernel made itself, has handle 0 or is not reported at all.
 */
export function getQdisc(where: { readonly index: number; readonly parent: number }): Buffer {
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.ECHO;
  return message(RTM_TC.GETQDISC, flags, trafficHeader({ ...where, handle: 0 }));
}

/** Reads RTM_NEWQDISC. */
export function parseQdisc(reply: Message): Qdisc {
  const { buffer, end } = reply;
  const { index, handle, parent, attributes } = readTrafficHeader(reply);
  let kind = '';
  let bucket: TokenBucket | undefined;
  let counters: QueueCounters | undefined;
  // The kernel puts the kind before the options, but does not have to.
  eachAttribute(buffer, attributes, end, (type, from, to) => {
    if (type === TCA.KIND) kind = readText(buffer, from, to);
  });
  eachAttribute(buffer, attributes, end, (type, from, to) => {
    if (type === TCA.OPTIONS && kind === 'tbf') bucket = decodeTokenBucket(buffer, from, to);
    else if (type === TCA.STATS2) counters = readCounters(buffer, from, to);
  });
  return { index, handle, parent, kind, bucket, counters };
}

// struct gnet_stats_basic: bytes (64 bits), packets. struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits.
function readCounters(buffer: Buffer, start: number, end: number): QueueCounters {
  const counters = { bytes: 0, packets: 0, queuedPackets: 0, queuedBytes: 0, dropped: 0, overLimits: 0 };
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === TCA_STATS.BASIC && to - from >= 12) {
      counters.bytes = readU64(buffer, from);
      counters.packets = buffer.readUInt32LE(from + 8);
    } else if (type === TCA_STATS.QUEUE && to - from >= 20) {
      counters.queuedPackets = buffer.readUInt32LE(from);
      counters.queuedBytes = buffer.readUInt32LE(from + 4);
      counters.dropped = buffer.readUInt32LE(from + 8);
      counters.overLimits = buffer.readUInt32LE(from + 16);
    }
  });
  return counters;
}
