// RTM_*TFILTER: the one filter that is needed, a u32 classifier that matches everything and redirects it to another
// link (tc-u32(8), tc-mirred(8)). cls_matchall would be the plain word for it, but u32 is older and everywhere.
import { attribute, eachAttribute, nested, readText, text } from './attribute.js';
import { NLM_F } from './constants.js';
import { type Message, message } from './message.js';
import { readTrafficHeader, trafficHeader } from './traffic.js';
import {
  ETH_P_ALL,
  INGRESS_FILTERS,
  RTM_TC,
  TC_ACT_STOLEN,
  TC_U32_TERMINAL,
  TCA,
  TCA_ACT,
  TCA_EGRESS_REDIR,
  TCA_MIRRED,
  TCA_U32,
} from './traffic-constants.js';

/** A filter of what a link receives. */
export interface Filter {
  readonly index: number;
  readonly priority: number;
  readonly kind: string;
  /** Index of the link that every packet is sent out of; undefined for any other filter. */
  readonly redirect: number | undefined;
}

/** struct tc_u32_sel without keys: matches everything, also frames too short for a key. */
const SELECTOR = { size: 16, flags: 0, keys: 2, key: 16 } as const;
/** struct tc_mirred: tc_gen (index, capab, action, refcnt, bindcnt), eaction, ifindex. */
const MIRRED = { size: 28, action: 8, redirection: 20, target: 24 } as const;
const FIRST = 1;

/** All that link `index` receives leaves through link `target`. ENOENT: no u32 or no mirred; ENODEV: no target. */
export function newRedirect(index: number, priority: number, target: number): Buffer {
  const selector = Buffer.alloc(SELECTOR.size);
  selector.writeUInt8(TC_U32_TERMINAL, SELECTOR.flags);
  const mirred = Buffer.alloc(MIRRED.size);
  mirred.writeInt32LE(TC_ACT_STOLEN, MIRRED.action);
  mirred.writeInt32LE(TCA_EGRESS_REDIR, MIRRED.redirection);
  mirred.writeUInt32LE(target, MIRRED.target);
  const action = [text(TCA_ACT.KIND, 'mirred'), nested(TCA_ACT.OPTIONS, attribute(TCA_MIRRED.PARMS, mirred))];
  const options = nested(TCA.OPTIONS, attribute(TCA_U32.SEL, selector), nested(TCA_U32.ACT, nested(FIRST, ...action)));
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;
  return message(RTM_TC.NEWTFILTER, flags, header(index, priority), text(TCA.KIND, 'u32'), options);
}

/** Deletes all filters of that priority; ENOENT when there is none, EINVAL without the ingress qdisc. */
export function deleteFilters(index: number, priority: number): Buffer {
  return message(RTM_TC.DELTFILTER, NLM_F.REQUEST | NLM_F.ACK, header(index, priority));
}

/** Dump of the filters of what link `index` receives; empty without the ingress qdisc. */
export function dumpFilters(index: number): Buffer {
  const place = { index, parent: INGRESS_FILTERS, handle: 0 };
  return message(RTM_TC.GETTFILTER, NLM_F.REQUEST | NLM_F.DUMP, trafficHeader(place));
}

/** Reads RTM_NEWTFILTER. The u32 classifier reports itself and its hash tables too, as filters without redirect. */
export function parseFilter(reply: Message): Filter {
  const { buffer, end } = reply;
  const { index, info, attributes } = readTrafficHeader(reply);
  let kind = '';
  let redirect: number | undefined;
  eachAttribute(buffer, attributes, end, (type, from, to) => {
    if (type === TCA.KIND) kind = readText(buffer, from, to);
    else if (type === TCA.OPTIONS && kind === 'u32') redirect = readRedirect(buffer, from, to);
  });
  return { index, priority: info >>> 16, kind, redirect };
}

function header(index: number, priority: number): Buffer {
  // The protocol is in network order.
  return trafficHeader({ index, parent: INGRESS_FILTERS, handle: 0 }, priority * 2 ** 16 + (ETH_P_ALL << 8));
}

function readRedirect(buffer: Buffer, start: number, end: number): number | undefined {
  let all = false;
  let target: number | undefined;
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === TCA_U32.SEL) all = matchesAll(buffer, from, to);
    else if (type === TCA_U32.ACT) target = readTarget(buffer, from, to);
  });
  return all ? target : undefined;
}

function matchesAll(buffer: Buffer, start: number, end: number): boolean {
  if (end - start < SELECTOR.size || (buffer.readUInt8(start) & TC_U32_TERMINAL) === 0) return false;
  const keys = buffer.readUInt8(start + SELECTOR.keys);
  for (let key = 0; key < keys; key++) {
    const mask = start + SELECTOR.size + key * SELECTOR.key;
    if (mask + 4 > end || buffer.readUInt32BE(mask) !== 0) return false;
  }
  return true;
}

function readTarget(buffer: Buffer, start: number, end: number): number | undefined {
  let target: number | undefined;
  eachAttribute(buffer, start, end, (order, action, stop) => {
    if (order !== FIRST) return;
    let kind = '';
    eachAttribute(buffer, action, stop, (type, from, to) => {
      if (type === TCA_ACT.KIND) kind = readText(buffer, from, to);
      else if (type === TCA_ACT.OPTIONS && kind === 'mirred') target = readMirred(buffer, from, to);
    });
  });
  return target;
}

function readMirred(buffer: Buffer, start: number, end: number): number | undefined {
  let target: number | undefined;
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type !== TCA_MIRRED.PARMS || to - from < MIRRED.size) return;
    if (buffer.readInt32LE(from + MIRRED.redirection) !== TCA_EGRESS_REDIR) return;
    target = buffer.readUInt32LE(from + MIRRED.target);
  });
  return target;
}
