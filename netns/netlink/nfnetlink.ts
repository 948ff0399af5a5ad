// Framing of nfnetlink: struct nfgenmsg behind the header, and batches, which nf_tables takes as one transaction.
// See linux/netfilter/nfnetlink.h and nfnetlink_rcv_batch in net/netfilter/nfnetlink.c.
import { attribute } from './attribute.js';
import { NLM_F } from './constants.js';
import { message } from './message.js';
import { NFNL_MSG_BATCH, NFNL_SUBSYS, NFPROTO } from './netfilter-constants.js';

/** sizeof(struct nfgenmsg). */
export const NFGENMSG = 4;

function nfgenmsg(family: number, resource: number, version = 0): Buffer {
  const out = Buffer.alloc(NFGENMSG);
  out.writeUInt8(family, 0);
  out.writeUInt8(version, 1);
  out.writeUInt16BE(resource, 2);
  return out;
}

/** A message of nf_tables; `type` is one of NFT_MSG. */
export function tablesMessage(type: number, flags: number, family: number, ...body: readonly Buffer[]): Buffer {
  return message((NFNL_SUBSYS.NFTABLES << 8) | type, NLM_F.REQUEST | flags, nfgenmsg(family, 0), ...body);
}

/** A message of conntrack. Version 1, as with 0 a deletion disregards the family, and then its filter, too. */
export function conntrackMessage(type: number, flags: number, family: number, ...body: readonly Buffer[]): Buffer {
  return message((NFNL_SUBSYS.CTNETLINK << 8) | type, NLM_F.REQUEST | flags, nfgenmsg(family, 0, 1), ...body);
}

export function batchBegin(): Buffer {
  return message(NFNL_MSG_BATCH.BEGIN, NLM_F.REQUEST, nfgenmsg(NFPROTO.UNSPEC, NFNL_SUBSYS.NFTABLES));
}

export function batchEnd(): Buffer {
  return message(NFNL_MSG_BATCH.END, NLM_F.REQUEST, nfgenmsg(NFPROTO.UNSPEC, NFNL_SUBSYS.NFTABLES));
}

/** 32 bits in network order, as everything in netfilter is. */
export function be32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(value | 0);
  return attribute(type, payload);
}

/** 64 bits in network order, exact up to 2^53. */
export function be64(type: number, value: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(value));
  return attribute(type, payload);
}

/** As a number: exact up to 2^53, beyond that off by less than one part in 10^15. */
export function readBe64(buffer: Buffer, start: number): number {
  return buffer.readUInt32BE(start) * 2 ** 32 + buffer.readUInt32BE(start + 4);
}
