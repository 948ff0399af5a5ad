// Networks in CIDR form, strictly: host bits that are set are a mistake somewhere, so they are told, not cut off.
import { BITS, type Family, formatIp, parseIp } from './ip.js';

/** A refused network, address or combination of them. */
export class AddressError extends RangeError {
  readonly code: 'not_a_network' | 'host_bits_set' | 'networks_overlap' | 'families_mixed' | 'network_too_small';

  constructor(code: AddressError['code'], message: string) {
    super(message);
    this.name = 'AddressError';
    this.code = code;
  }
}

/** `first` is the network address, `size` its count of addresses, both exact. */
export interface Cidr {
  readonly family: Family;
  readonly first: bigint;
  readonly prefix: number;
  readonly size: bigint;
}

/** `"10.1.0.0/16"` or `"fd00:1::/64"` -> Cidr. Throws AddressError not_a_network, host_bits_set. */
export function parseCidr(text: string): Cidr {
  const [, address = '', length = ''] = /^([\da-fA-F:.]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const ip = tryParse(address);
  const prefix = Number(length);
  if (ip === undefined || prefix > BITS[ip.family]) {
    throw new AddressError('not_a_network', `not a network in CIDR form: ${JSON.stringify(text)}`);
  }
  const size = 1n << BigInt(BITS[ip.family] - prefix);
  const first = ip.value - (ip.value % size);
  const cidr = { family: ip.family, first, prefix, size };
  if (first === ip.value) return cidr;
  throw new AddressError('host_bits_set', `${text} has host bits set; did you mean ${formatCidr(cidr)}?`);
}

export function formatCidr(cidr: Pick<Cidr, 'family' | 'first' | 'prefix'>): string {
  return `${formatIp(cidr.family, cidr.first)}/${cidr.prefix}`;
}

/** Whether `outer` has every address of `inner`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  const mask = BigInt(BITS[outer.family] - outer.prefix);
  return outer.family === inner.family && outer.prefix <= inner.prefix && inner.first >> mask === outer.first >> mask;
}

/** Whether they share an address: of two networks one then contains the other. */
export function overlap(a: Cidr, b: Cidr): boolean {
  return contains(a, b) || contains(b, a);
}

/** Throws AddressError networks_overlap that names the first two of `cidrs` that share addresses; families may mix. */
export function assertDisjoint(cidrs: readonly string[]): void {
  const seen: Cidr[] = [];
  for (const text of cidrs) {
    const cidr = parseCidr(text);
    const other = seen.find((one) => overlap(one, cidr));
    if (other !== undefined) {
      const how = other.prefix === cidr.prefix ? 'is given twice' : `overlaps ${formatCidr(other)}`;
      throw new AddressError('networks_overlap', `${formatCidr(cidr)} ${how}; an address would have two holders`);
    }
    seen.push(cidr);
  }
}

function tryParse(address: string): ReturnType<typeof parseIp> | undefined {
  try {
    return parseIp(address);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
