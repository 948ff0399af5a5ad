// What a workload may not reach, as disjoint ranges: the packet filter knows intervals, not longest prefixes.
import { parseCidr } from '../addresses/cidr.js';
import { BITS, type Family } from '../addresses/ip.js';
import type { Firewall } from '../types.js';

/** Addresses as numbers, both ends inclusive. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

interface Network extends Range {
  readonly prefix: number;
  readonly denied: boolean;
}

/** Ranges of one family that are denied, ascending, disjoint and not adjacent. Throws AddressError for a bad network. */
export function deniedRanges(egress: Firewall['egress'], family: Family): Range[] {
  const everything = { first: 0n, last: (1n << BigInt(BITS[family])) - 1n, prefix: -1 };
  const networks: Network[] = [{ ...everything, denied: egress.default === 'deny' }];
  for (const denied of [false, true])
    for (const text of denied ? egress.deny : egress.allow) {
      const { first, size, prefix, ...network } = parseCidr(text);
      if (network.family === family) networks.push({ first, last: first + size - 1n, prefix, denied });
    }
  // Networks nest or are disjoint, so those around a point are a stack with the longest prefix, and of two equal ones
  // the denial, on top.
  networks.sort((a, b) => compare(a.first, b.first) || a.prefix - b.prefix || Number(a.denied) - Number(b.denied));
  const ranges: { first: bigint; last: bigint }[] = [];
  const stack: Network[] = [];
  let at = 0n;
  const upTo = (end: bigint) => {
    if (end > at && stack.at(-1)?.denied === true) append(ranges, at, end - 1n);
    if (end > at) at = end;
  };
  for (const network of networks) {
    leave(stack, network.first, upTo);
    upTo(network.first);
    stack.push(network);
  }
  leave(stack, everything.last + 1n, upTo);
  return ranges;
}

/** Whether a range has this address, its bytes as in a Connection. */
export function contains(address: string): (range: Range) => boolean {
  const value = BigInt(`0x${Buffer.from(address, 'latin1').toString('hex')}`);
  return ({ first, last }) => first <= value && value <= last;
}

/** A number as the bytes of the wire. */
export function toBytes(value: bigint, family: Family): Buffer {
  return Buffer.from(value.toString(16).padStart(BITS[family] / 4, '0'), 'hex');
}

// Takes off the stack what ends before `point`.
function leave(stack: Network[], point: bigint, upTo: (end: bigint) => void): void {
  for (let top = stack.at(-1); top !== undefined && top.last < point; top = stack.at(-1)) {
    upTo(top.last + 1n);
    stack.pop();
  }
}

function append(ranges: { first: bigint; last: bigint }[], first: bigint, last: bigint): void {
  const previous = ranges.at(-1);
  if (previous?.last === first - 1n) previous.last = last;
  else ranges.push({ first, last });
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
