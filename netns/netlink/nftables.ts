// Tables, chains and rules of nf_tables: enough to see what others have loaded and to make a small NAT table without
// `nft`. See linux/netfilter/nf_tables.h.
import { attribute, eachAttribute, nested, readText, text } from './attribute.js';
import { NLM_F } from './constants.js';
import type { Message } from './message.js';
import {
  NF_POLICY,
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_META,
  NFT_MSG,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_SET_INTERVAL,
  NFT_VERDICT,
  NFTA_CHAIN,
  NFTA_CMP,
  NFTA_DATA_VALUE,
  NFTA_EXPR,
  NFTA_HOOK,
  NFTA_IMMEDIATE,
  NFTA_LIST_ELEM,
  NFTA_LOOKUP,
  NFTA_META,
  NFTA_NAT,
  NFTA_PAYLOAD,
  NFTA_RULE,
  NFTA_SET,
  NFTA_TABLE,
} from './netfilter-constants.js';
import { be32, NFGENMSG, tablesMessage } from './nfnetlink.js';
import { type ElementExpression, expressionBody, verdict } from './set-element.js';

export interface TableName {
  readonly family: number;
  readonly table: string;
}

/** A chain as the kernel reports it; `hook` and `priority` only of base chains. */
export interface Chain extends TableName {
  readonly name: string;
  readonly hook: number | undefined;
  readonly priority: number | undefined;
  readonly policy: 'accept' | 'drop' | undefined;
}

/** Makes the table; one that exists is fine. */
export function newTable({ family, table }: TableName): Buffer {
  const body = [text(NFTA_TABLE.NAME, table), be32(NFTA_TABLE.FLAGS, 0)];
  return tablesMessage(NFT_MSG.NEWTABLE, 0, family, ...body);
}

/** Deletes the table with everything in it; ENOENT when there is none. */
export function deleteTable({ family, table }: TableName): Buffer {
  return tablesMessage(NFT_MSG.DELTABLE, 0, family, text(NFTA_TABLE.NAME, table));
}

export function getTable({ family, table }: TableName): Buffer {
  return tablesMessage(NFT_MSG.GETTABLE, NLM_F.ACK, family, text(NFTA_TABLE.NAME, table));
}

/** Makes a base chain, which lets pass what it says nothing of; one that exists is fine. */
export function newBaseChain(
  name: TableName,
  chain: string,
  type: 'filter' | 'nat',
  hook: number,
  priority: number,
): Buffer {
  return tablesMessage(
    NFT_MSG.NEWCHAIN,
    NLM_F.CREATE,
    name.family,
    text(NFTA_CHAIN.TABLE, name.table),
    text(NFTA_CHAIN.NAME, chain),
    text(NFTA_CHAIN.TYPE, type),
    nested(NFTA_CHAIN.HOOK, be32(NFTA_HOOK.HOOKNUM, hook), be32(NFTA_HOOK.PRIORITY, priority)),
  );
}

/** Makes a chain that is only jumped to; one that exists is fine. */
export function newChain({ family, table }: TableName, chain: string): Buffer {
  const body = [text(NFTA_CHAIN.TABLE, table), text(NFTA_CHAIN.NAME, chain)];
  return tablesMessage(NFT_MSG.NEWCHAIN, NLM_F.CREATE, family, ...body);
}

/** Asks whether a chain exists; ENOENT when it does not. */
export function getChain({ family, table }: TableName, chain: string): Buffer {
  const body = [text(NFTA_CHAIN.TABLE, table), text(NFTA_CHAIN.NAME, chain)];
  return tablesMessage(NFT_MSG.GETCHAIN, NLM_F.ACK, family, ...body);
}

/** Deletes the rules of a chain, the chain, and the set that they looked up; EBUSY while something jumps there. */
export function deleteChainWithSet({ family, table }: TableName, chain: string, set: string): Buffer[] {
  return [
    tablesMessage(NFT_MSG.DELRULE, 0, family, text(NFTA_RULE.TABLE, table), text(NFTA_RULE.CHAIN, chain)),
    tablesMessage(NFT_MSG.DELCHAIN, 0, family, text(NFTA_CHAIN.TABLE, table), text(NFTA_CHAIN.NAME, chain)),
    tablesMessage(NFT_MSG.DELSET, 0, family, text(NFTA_SET.TABLE, table), text(NFTA_SET.NAME, set)),
  ];
}

/** Makes a set of intervals of addresses, a red-black tree in the kernel; one that exists is fine. */
export function newAddressIntervals({ family, table }: TableName, set: string, addresses: 4 | 6): Buffer {
  return tablesMessage(
    NFT_MSG.NEWSET,
    NLM_F.CREATE,
    family,
    text(NFTA_SET.TABLE, table),
    text(NFTA_SET.NAME, set),
    be32(NFTA_SET.FLAGS, NFT_SET_INTERVAL),
    be32(NFTA_SET.KEY_TYPE, NFT_TYPE[addresses]),
    be32(NFTA_SET.KEY_LEN, addresses === 4 ? 4 : 16),
    be32(NFTA_SET.ID, 1),
    attribute(NFTA_SET.USERDATA, KEY_IN_NETWORK_ORDER),
  );
}

// What `nft` wants to know to show the set: its numbers of types, and a TLV of the byte order (libnftnl/udata.h).
const NFT_TYPE = { 4: 7, 6: 8 } as const;
const KEY_IN_NETWORK_ORDER = Buffer.from([0, 4, 2, 0, 0, 0]);

/** Deletes all rules of the table; chains and sets with their elements stay. */
export function deleteRules({ family, table }: TableName): Buffer {
  return tablesMessage(NFT_MSG.DELRULE, 0, family, text(NFTA_RULE.TABLE, table));
}

/** Appends a rule. `expressions` come from the functions below. */
export function newRule(name: TableName, chain: string, expressions: readonly Buffer[]): Buffer {
  return tablesMessage(
    NFT_MSG.NEWRULE,
    NLM_F.CREATE | NLM_F_APPEND,
    name.family,
    text(NFTA_RULE.TABLE, name.table),
    text(NFTA_RULE.CHAIN, chain),
    nested(NFTA_RULE.EXPRESSIONS, ...expressions),
  );
}

const NLM_F_APPEND = 0x800;

/** `iifname` or `oifname` (NFT_META) is `name`. */
export function matchLink(key: number, name: string): Buffer[] {
  const padded = Buffer.alloc(16);
  padded.write(name);
  return [expression('meta', be32(NFTA_META.KEY, key), be32(NFTA_META.DREG, NFT_REG_1)), equals(padded)];
}

/** The bytes at `offset` of the network header are `bytes`. */
export function matchNetworkHeader(offset: number, bytes: Buffer): Buffer[] {
  return [loadNetworkHeader(offset, bytes.length), equals(bytes)];
}

/** The bytes at `offset` of the network header are others than `bytes`. */
export function differInNetworkHeader(offset: number, bytes: Buffer): Buffer[] {
  return [loadNetworkHeader(offset, bytes.length), compares(NFT_CMP_NEQ, bytes)];
}

/** Counts, or matches what is beyond a limit, for all packets that come this far in the rule. */
export function stateful(state: ElementExpression): Buffer {
  return nested(NFTA_LIST_ELEM, ...expressionBody(state));
}

/** Ends the chain; `code` is one of NF_POLICY. */
export function verdictOf(code: number): Buffer {
  return immediateVerdict(verdict(code));
}

/** Translates to one address; `type` is one of NFT_NAT. */
export function translate(type: number, family: number, address: Buffer): Buffer[] {
  const load = expression('immediate', be32(NFTA_IMMEDIATE.DREG, NFT_REG_1), value(NFTA_IMMEDIATE.DATA, address));
  const parts = [be32(NFTA_NAT.TYPE, type), be32(NFTA_NAT.FAMILY, family), be32(NFTA_NAT.REG_ADDR_MIN, NFT_REG_1)];
  return [load, expression('nat', ...parts)];
}

/** The packet is of this family (NFPROTO). */
export function matchFamily(family: number): Buffer[] {
  const load = expression('meta', be32(NFTA_META.KEY, NFT_META.NFPROTO), be32(NFTA_META.DREG, NFT_REG_1));
  return [load, equals(Buffer.from([family]))];
}

/** The `length` bytes at `offset` of the network header are in the set; then goes to `chain`. */
export function lookUpAndGo(offset: number, length: number, set: string, chain: string): Buffer[] {
  const load = loadNetworkHeader(offset, length);
  const look = expression('lookup', be32(NFTA_LOOKUP.SREG, NFT_REG_1), text(NFTA_LOOKUP.SET, set));
  return [load, look, immediateVerdict(verdict(NFT_VERDICT.GOTO, chain))];
}

function immediateVerdict(data: Buffer): Buffer {
  return expression('immediate', be32(NFTA_IMMEDIATE.DREG, NFT_REG_VERDICT), nested(NFTA_IMMEDIATE.DATA, data));
}

function loadNetworkHeader(offset: number, length: number): Buffer {
  return expression(
    'payload',
    be32(NFTA_PAYLOAD.DREG, NFT_REG_1),
    be32(NFTA_PAYLOAD.BASE, NFT_PAYLOAD_NETWORK_HEADER),
    be32(NFTA_PAYLOAD.OFFSET, offset),
    be32(NFTA_PAYLOAD.LEN, length),
  );
}

function equals(bytes: Buffer): Buffer {
  return compares(NFT_CMP_EQ, bytes);
}

function compares(how: number, bytes: Buffer): Buffer {
  return expression('cmp', be32(NFTA_CMP.SREG, NFT_REG_1), be32(NFTA_CMP.OP, how), value(NFTA_CMP.DATA, bytes));
}

function expression(name: string, ...data: readonly Buffer[]): Buffer {
  return nested(NFTA_LIST_ELEM, text(NFTA_EXPR.NAME, name), nested(NFTA_EXPR.DATA, ...data));
}

function value(type: number, bytes: Buffer): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, bytes));
}

/** A dump of all chains of one family, or of all with NFPROTO.UNSPEC. */
export function dumpChains(family: number): Buffer {
  return tablesMessage(NFT_MSG.GETCHAIN, NLM_F.DUMP, family);
}

/** Reads NFT_MSG_NEWTABLE. `comment` is what `nft` keeps in the user data (type 0 of its own TLV list). */
export function parseTable(reply: Message): TableName & { readonly comment: string | undefined } {
  const { buffer, start, end } = reply;
  let table = '';
  let comment: string | undefined;
  eachAttribute(buffer, start + NFGENMSG, end, (type, from, to) => {
    if (type === NFTA_TABLE.NAME) table = readText(buffer, from, to);
    else if (type === NFTA_TABLE.USERDATA) comment = readComment(buffer, from, to);
  });
  return { family: buffer.readUInt8(start), table, comment };
}

function readComment(buffer: Buffer, start: number, end: number): string | undefined {
  let at = start;
  while (at + 2 <= end) {
    const length = buffer.readUInt8(at + 1);
    if (buffer.readUInt8(at) === 0 && at + 2 + length <= end) return readText(buffer, at + 2, at + 2 + length);
    at += 2 + length;
  }
  return undefined;
}

/** Reads NFT_MSG_NEWCHAIN. */
export function parseChain(reply: Message): Chain {
  const { buffer, start, end } = reply;
  let table = '';
  let name = '';
  let hook: number | undefined;
  let priority: number | undefined;
  let policy: Chain['policy'];
  eachAttribute(buffer, start + NFGENMSG, end, (type, from, to) => {
    if (type === NFTA_CHAIN.TABLE) table = readText(buffer, from, to);
    else if (type === NFTA_CHAIN.NAME) name = readText(buffer, from, to);
    else if (type === NFTA_CHAIN.POLICY) policy = buffer.readUInt32BE(from) === NF_POLICY.DROP ? 'drop' : 'accept';
    else if (type === NFTA_CHAIN.HOOK)
      eachAttribute(buffer, from, to, (inner, at) => {
        if (inner === NFTA_HOOK.HOOKNUM) hook = buffer.readUInt32BE(at);
        else if (inner === NFTA_HOOK.PRIORITY) priority = buffer.readInt32BE(at);
      });
  });
  return { family: buffer.readUInt8(start), table, name, hook, priority, policy };
}
