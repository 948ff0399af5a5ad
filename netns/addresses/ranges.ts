// Which addresses of a pool may be leased: its networks without what is reserved, numbered from 0 in the order given.
import { AddressError, assertDisjoint, type Cidr, parseCidr } from './cidr.js';
import { BITS, type Family, type Ip, parseIp } from './ip.js';

/** At most so many addresses of one pool are used; see `leasable`. */
export const LARGEST_POOL = 2 ** 20;

/** Neighbouring addresses: `first` has the number `base`. */
export interface Range {
  readonly first: bigint;
  readonly count: number;
  readonly base: number;
}

export interface Leasable {
  readonly family: Family;
  readonly ranges: readonly Range[];
  readonly total: number;
}

interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * What of `cidrs` (one family, no overlap) may be leased. Left out are `exclude` (addresses or networks) and the
 * addresses that are no hosts: network and broadcast address of IPv4, except in a /31 or /32 (RFC 3021), and the
 * subnet-router anycast address of IPv6 (RFC 4291, 2.6.1), except in a /127 or /128 (RFC 6164). Of what is left the
 * first 2^20 are used: so many leases no host has, and a /64 must not make the memory of who rests grow for ever.
 * Throws AddressError.
 */
export function leasable(cidrs: readonly string[], exclude: readonly string[]): Leasable {
  assertDisjoint(cidrs);
  const networks = cidrs.map(parseCidr);
  const family = networks[0]?.family ?? 4;
  if (networks.some((network) => network.family !== family)) {
    throw new AddressError('families_mixed', `one pool has addresses of one family: ${cidrs.join(', ')}`);
  }
  const excluded = exclude.map(parseNetwork).filter((network) => network.family === family);
  const spans = networks.flatMap((network) => without(hosts(network), excluded.map(spanOf)));
  const ranges: Range[] = [];
  let total = 0;
  for (const { first, last } of spans) {
    const room = BigInt(LARGEST_POOL - total);
    const size = last - first + 1n;
    const count = Number(size < room ? size : room);
    if (count > 0) ranges.push({ first, count, base: total });
    total += count;
  }
  if (total > 0) return { family, ranges, total };
  throw new AddressError('network_too_small', `${cidrs.join(', ')}: nothing is left to be leased`);
}

/** The number of the address, or undefined when it cannot be leased. */
export function numberOf({ family, ranges }: Leasable, ip: Ip): number | undefined {
  if (ip.family !== family) return undefined;
  for (const { first, count, base } of ranges) {
    const offset = ip.value - first;
    if (offset >= 0n && offset < BigInt(count)) return base + Number(offset);
  }
  return undefined;
}

/** The address of this number, which must be below `total`. */
export function addressAt({ ranges }: Leasable, number: number): bigint {
  const range = ranges.find(({ base, count }) => number < base + count);
  if (range === undefined) throw new RangeError(`no address has the number ${number}`);
  return range.first + BigInt(number - range.base);
}

function parseNetwork(text: string): Cidr {
  return parseCidr(text.includes('/') ? text : `${text}/${BITS[parseIp(text).family]}`);
}

function spanOf({ first, size }: Cidr): Span {
  return { first, last: first + size - 1n };
}

function hosts(network: Cidr): Span {
  const { first, last } = spanOf(network);
  if (network.size <= 2n) return { first, last };
  return { first: first + 1n, last: network.family === 4 ? last - 1n : last };
}

function without(span: Span, excluded: readonly Span[]): Span[] {
  let left = [span];
  for (const gap of excluded) {
    left = left.flatMap(({ first, last }) => [
      ...(first < gap.first ? [{ first, last: last < gap.first ? last : gap.first - 1n }] : []),
      ...(last > gap.last ? [{ first: first > gap.last ? first : gap.last + 1n, last }] : []),
    ]);
  }
  return left;
}
