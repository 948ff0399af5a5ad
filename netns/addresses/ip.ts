// Internet addresses as numbers: BigInt for both families, as 128 bits do not fit a number.
import { familyOf, inetBytes, inetText } from '../netlink/inet.js';

export type Family = 4 | 6;

/** Bits of an address. */
export const BITS = { 4: 32, 6: 128 } as const;

export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

/** `"10.0.0.1"` -> 167772161n of family 4. Any spelling of IPv6 but no zone. Throws RangeError. */
export function parseIp(text: string): Ip {
  return { family: familyOf(text), value: BigInt(`0x${inetBytes(text).toString('hex')}`) };
}

/** 167772161n of family 4 -> `"10.0.0.1"`; IPv6 in the canonical form of RFC 5952. */
export function formatIp(family: Family, value: bigint): string {
  const bytes = Buffer.from(value.toString(16).padStart(BITS[family] / 4, '0'), 'hex');
  return inetText(bytes, 0, bytes.length);
}
