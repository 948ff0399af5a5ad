// Elements of nf_tables sets and maps: NFT_MSG_{NEW,DEL,DESTROY,GET}SETELEM. See linux/netfilter/nf_tables.h.
import { attribute, eachAttribute, nested, readText, text } from './attribute.js';
import { NLM_F } from './constants.js';
import type { Message } from './message.js';
import {
  NFT_CONNLIMIT_F_INV,
  NFT_LIMIT_F_INV,
  NFT_MSG,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_VERDICT,
  NFTA_CONNLIMIT,
  NFTA_COUNTER,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR,
  NFTA_LIMIT,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_VERDICT,
} from './netfilter-constants.js';
import { be32, be64, NFGENMSG, readBe64, tablesMessage } from './nfnetlink.js';

/** State that an element carries and the kernel evaluates on each hit of a lookup. */
export type ElementExpression =
  /** Counts; always matches. */
  | { readonly kind: 'counter'; readonly packets: number; readonly bytes: number }
  /** Matches packets beyond `rate` a second, after `burst` at once. */
  | { readonly kind: 'limit'; readonly rate: number; readonly burst: number }
  /** Matches connections beyond `count`. */
  | { readonly kind: 'connections'; readonly count: number };

/** A set and the family of its table, as in NFPROTO. */
export interface SetName {
  readonly family: number;
  readonly table: string;
  readonly set: string;
}

/** `key` and `data` as they lie in the registers: each field of a concatenation padded to 4 bytes. */
export interface SetElement {
  readonly key: Buffer;
  /** Inclusive end of an interval in each field; only in sets of concatenated intervals. */
  readonly keyEnd?: Buffer;
  /** The interval that the element before opened ends before this key; only in sets of plain intervals. */
  readonly intervalEnd?: true;
  /** Only in maps. */
  readonly data?: Buffer;
  /** The chain to jump to; only in maps of verdicts. */
  readonly jump?: string;
  readonly expression?: ElementExpression;
}

/** Pads each field to the 4 bytes of a register (NFT_REG32_SIZE) and joins them. */
export function concatenation(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields.map((field) => Buffer.concat([field, Buffer.alloc(-field.length & 3)])));
}

/** Adds elements. Without `exclusive` an equal one is fine, with it any of that key is EEXIST. */
export function newElements(set: SetName, elements: readonly SetElement[], exclusive = false): Buffer {
  return elementMessage(NFT_MSG.NEWSETELEM, NLM_F.CREATE | (exclusive ? NLM_F.EXCL : 0), set, elements);
}

/** Deletes by key. `missing`: whether an absent one is ENOENT or fine (then EINVAL before Linux 6.3). */
export function deleteElements(set: SetName, elements: readonly SetElement[], missing: 'error' | 'fine'): Buffer {
  const type = missing === 'fine' ? NFT_MSG.DESTROYSETELEM : NFT_MSG.DELSETELEM;
  const keys = elements.map(({ key, keyEnd }) => (keyEnd === undefined ? { key } : { key, keyEnd }));
  return elementMessage(type, 0, set, keys);
}

/** A dump of all elements of the set. */
export function dumpElements(set: SetName): Buffer {
  const body = [text(NFTA_SET_ELEM_LIST.TABLE, set.table), text(NFTA_SET_ELEM_LIST.SET, set.set)];
  return tablesMessage(NFT_MSG.GETSETELEM, NLM_F.DUMP, set.family, ...body);
}

function elementMessage(type: number, flags: number, set: SetName, elements: readonly SetElement[]): Buffer {
  return tablesMessage(
    type,
    flags,
    set.family,
    text(NFTA_SET_ELEM_LIST.TABLE, set.table),
    text(NFTA_SET_ELEM_LIST.SET, set.set),
    nested(NFTA_SET_ELEM_LIST.ELEMENTS, ...elements.map(element)),
  );
}

function element({ key, keyEnd, intervalEnd, data, jump, expression }: SetElement): Buffer {
  const parts = intervalEnd === true ? [be32(NFTA_SET_ELEM.FLAGS, NFT_SET_ELEM_INTERVAL_END)] : [];
  parts.push(value(NFTA_SET_ELEM.KEY, key));
  if (keyEnd !== undefined) parts.push(value(NFTA_SET_ELEM.KEY_END, keyEnd));
  if (data !== undefined) parts.push(value(NFTA_SET_ELEM.DATA, data));
  if (jump !== undefined) parts.push(nested(NFTA_SET_ELEM.DATA, verdict(NFT_VERDICT.JUMP, jump)));
  if (expression !== undefined) parts.push(nested(NFTA_SET_ELEM.EXPR, ...expressionBody(expression)));
  return nested(NFTA_LIST_ELEM, ...parts);
}

/** A verdict as data: of an element here, of an `immediate` in a rule. `code` is one of NFT_VERDICT with its chain, or of NF_POLICY. */
export function verdict(code: number, chain?: string): Buffer {
  const target = chain === undefined ? [] : [text(NFTA_VERDICT.CHAIN, chain)];
  return nested(NFTA_DATA_VERDICT, be32(NFTA_VERDICT.CODE, code), ...target);
}

function value(type: number, bytes: Buffer): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, bytes));
}

/** Name and data of the expression, to be nested where it stands. */
export function expressionBody(expression: ElementExpression): Buffer[] {
  switch (expression.kind) {
    case 'counter':
      return named('counter', [
        be64(NFTA_COUNTER.BYTES, expression.bytes),
        be64(NFTA_COUNTER.PACKETS, expression.packets),
      ]);
    case 'limit':
      return named('limit', [
        be64(NFTA_LIMIT.RATE, expression.rate),
        be64(NFTA_LIMIT.UNIT, 1),
        be32(NFTA_LIMIT.BURST, expression.burst),
        be32(NFTA_LIMIT.TYPE, 0),
        be32(NFTA_LIMIT.FLAGS, NFT_LIMIT_F_INV),
      ]);
    case 'connections':
      return named('connlimit', [
        be32(NFTA_CONNLIMIT.COUNT, expression.count),
        be32(NFTA_CONNLIMIT.FLAGS, NFT_CONNLIMIT_F_INV),
      ]);
  }
}

function named(name: string, data: readonly Buffer[]): Buffer[] {
  return [text(NFTA_EXPR.NAME, name), nested(NFTA_EXPR.DATA, ...data)];
}

/** Reads NFT_MSG_NEWSETELEM, an answer to a dump or a request made here. Bytes are copied out of the buffer. */
export function parseElements(reply: Message): SetElement[] {
  const { buffer } = reply;
  const elements: SetElement[] = [];
  eachAttribute(buffer, reply.start + NFGENMSG, reply.end, (type, start, end) => {
    if (type !== NFTA_SET_ELEM_LIST.ELEMENTS) return;
    eachAttribute(buffer, start, end, (_, from, to) => elements.push(readElement(buffer, from, to)));
  });
  return elements;
}

function readElement(buffer: Buffer, start: number, end: number): SetElement {
  const found: { -readonly [Name in keyof SetElement]: SetElement[Name] } = {
    key: Buffer.alloc(0),
  };
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === NFTA_SET_ELEM.KEY) found.key = readValue(buffer, from, to);
    else if (type === NFTA_SET_ELEM.KEY_END) found.keyEnd = readValue(buffer, from, to);
    else if (type === NFTA_SET_ELEM.DATA) readData(buffer, from, to, found);
    else if (type === NFTA_SET_ELEM.FLAGS && (buffer.readUInt32BE(from) & NFT_SET_ELEM_INTERVAL_END) !== 0)
      found.intervalEnd = true;
    else if (type === NFTA_SET_ELEM.EXPR) {
      const expression = readExpression(buffer, from, to);
      if (expression !== undefined) found.expression = expression;
    }
  });
  return found;
}

function readData(buffer: Buffer, start: number, end: number, found: { data?: Buffer; jump?: string }): void {
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === NFTA_DATA_VALUE) found.data = Buffer.from(buffer.subarray(from, to));
    else if (type === NFTA_DATA_VERDICT)
      eachAttribute(buffer, from, to, (inner, at, stop) => {
        if (inner === NFTA_VERDICT.CHAIN) found.jump = readText(buffer, at, stop);
      });
  });
}

function readValue(buffer: Buffer, start: number, end: number): Buffer {
  let bytes = Buffer.alloc(0);
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === NFTA_DATA_VALUE) bytes = Buffer.from(buffer.subarray(from, to));
  });
  return bytes;
}

function readExpression(buffer: Buffer, start: number, end: number): ElementExpression | undefined {
  let name = '';
  const fields = new Map<number, number>();
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === NFTA_EXPR.NAME) name = readText(buffer, from, to);
    else if (type === NFTA_EXPR.DATA)
      eachAttribute(buffer, from, to, (field, at, stop) => {
        fields.set(field, stop - at === 8 ? readBe64(buffer, at) : buffer.readUInt32BE(at));
      });
  });
  const field = (type: number) => fields.get(type) ?? 0;
  if (name === 'counter') return { kind: name, packets: field(NFTA_COUNTER.PACKETS), bytes: field(NFTA_COUNTER.BYTES) };
  if (name === 'limit') return { kind: name, rate: field(NFTA_LIMIT.RATE), burst: field(NFTA_LIMIT.BURST) };
  if (name === 'connlimit') return { kind: 'connections', count: field(NFTA_CONNLIMIT.COUNT) };
  return undefined;
}
