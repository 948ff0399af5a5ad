// A list of networks as a chain with a set of denied ranges, named by its content: workloads with equal lists share one, and
// each of them is one element of a map. An egress list denies destinations, the list of a published port senders. (One set of `source . destination` ranges for all would do without the chains,
// but the kernel rebuilds such a set, and walks it for each element that goes: 38 ms with 4,000 elements.)
import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { BITS, type Family } from '../addresses/ip.js';
import type { Host } from '../host.js';
import { NFPROTO } from '../netlink/netfilter-constants.js';
import {
  deleteChainWithSet,
  dumpChains,
  getChain,
  lookUpAndGo,
  matchFamily,
  newAddressIntervals,
  newChain,
  newRule,
  parseChain,
} from '../netlink/nftables.js';
import { newElements, type SetElement } from '../netlink/set-element.js';
import type { Request } from '../netlink-client.js';
import type { Firewall, PublishedPort } from '../types.js';
import { deniedRanges, type Range, toBytes } from './ranges.js';

export interface Policy {
  readonly kind: keyof typeof KINDS;
  /** Of its chain and of its set. */
  readonly name: string;
  readonly family: Family;
  readonly ranges: readonly Range[];
}

/** `offset`: of the denied address in struct iphdr and struct ipv6hdr. */
const KINDS = {
  egress: { prefix: 'policy_', offset: { 4: 16, 6: 24 }, drop: 'drop_egress' },
  senders: { prefix: 'senders_', offset: { 4: 12, 6: 8 }, drop: 'drop_ingress' },
} as const;
const PREFIXES = Object.values(KINDS).map(({ prefix }) => prefix);
/** Each is answered, and answers queue up in the socket; beyond that all chains are read. */
const QUESTIONS = 32;
const { EBUSY, ENOENT } = constants.errno;

/** Undefined when nothing of the family is denied. Throws AddressError for a bad network. */
export function policyOf(egress: Firewall['egress'], family: Family): Policy | undefined {
  return named('egress', family, deniedRanges(egress, family));
}

/** Who may not connect to the port; undefined: every address of the family may. Throws AddressError for a bad network. */
export function sendersOf({ from }: Pick<PublishedPort, 'from'>, family: Family): Policy | undefined {
  if (from === undefined) return undefined;
  return named('senders', family, deniedRanges({ default: 'deny', allow: from, deny: [] }, family));
}

function named(kind: Policy['kind'], family: Family, ranges: readonly Range[]): Policy | undefined {
  if (ranges.length === 0) return undefined;
  const text = ranges.map(({ first, last }) => `${first}-${last}`).join(' ');
  const digest = createHash('sha256').update(`${family} ${text}`).digest('hex');
  return { kind, name: `${KINDS[kind].prefix}${digest.slice(0, 24)}`, family, ranges };
}

/** Requests that make those of `policies` that are not there yet, for the transaction that needs them. */
export function provisions(host: Host, table: string, policies: readonly Policy[]): Request[] {
  const distinct = [...new Map(policies.map((policy) => [policy.name, policy])).values()];
  const present = new Set(distinct.length > QUESTIONS ? readPolicies(host, table) : []);
  if (distinct.length <= QUESTIONS) {
    const answers = host.nfnl.transact(distinct.map((policy) => question(table, policy)));
    distinct.forEach((policy, position) => {
      if (answers[position] === 0) present.add(policy.name);
    });
  }
  return distinct.flatMap((policy) => (present.has(policy.name) ? [] : creation(table, policy)));
}

function question(table: string, { name }: Policy): Request {
  const message = getChain({ family: NFPROTO.INET, table }, name);
  return { message, op: 'NFT_MSG_GETCHAIN', path: `inet ${table} ${name}`, tolerate: [ENOENT] };
}

/** Names of the policies in the table. Throws SysError. */
export function readPolicies(host: Host, table: string): string[] {
  const chains = host.nfnl.collect(dumpChains(NFPROTO.INET), 'NFT_MSG_GETCHAIN dump', parseChain);
  const isPolicy = (name: string) => PREFIXES.some((prefix) => name.startsWith(prefix));
  return chains.filter((chain) => chain.table === table && isPolicy(chain.name)).map(({ name }) => name);
}

/** Deletes policies that nothing refers to; false, with nothing changed, when one is in use. Throws SysError. */
export function deletePolicies(host: Host, table: string, names: readonly string[]): boolean {
  const requests = names.flatMap((name) =>
    deleteChainWithSet({ family: NFPROTO.INET, table }, name, name).map((message): Request => {
      return { message, op: 'NFT_MSG_DELCHAIN', path: `inet ${table} ${name}`, tolerate: [EBUSY, ENOENT] };
    }),
  );
  return host.nfnl.commit(requests);
}

function creation(table: string, { kind, name, family, ranges }: Policy): Request[] {
  const inet = { family: NFPROTO.INET, table };
  const { offset, drop } = KINDS[kind];
  const proto = family === 4 ? NFPROTO.IPV4 : NFPROTO.IPV6;
  const bytes = BITS[family] / 8;
  const elements: SetElement[] = ranges.flatMap(({ first, last }): SetElement[] => {
    const start = { key: toBytes(first, family) };
    // The last address of all has none behind it.
    if (last + 1n === 1n << BigInt(BITS[family])) return [start];
    return [start, { key: toBytes(last + 1n, family), intervalEnd: true }];
  });
  const messages = [newAddressIntervals(inet, name, family)];
  for (let at = 0; at < elements.length; at += 512)
    messages.push(newElements({ ...inet, set: name }, elements.slice(at, at + 512)));
  const rule = [...matchFamily(proto), ...lookUpAndGo(offset[family], bytes, name, drop)];
  messages.push(newChain(inet, name), newRule(inet, name, rule));
  return messages.map((message) => ({ message, op: 'NFT_MSG_NEWCHAIN', path: `inet ${table} ${name}` }));
}
