// IPv4 as text and as an unsigned 32-bit number (host order); shared by the codec and the address pool.

/** `"10.0.0.1"` -> 167772161. Strict dotted quad without leading zeros; anything else throws RangeError. */
export function parseIpv4(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) throw new RangeError(`not an IPv4 address: ${JSON.stringify(text)}`);
  let value = 0;
  for (const part of match.slice(1)) {
    const byte = Number(part);
    if (byte > 255 || String(byte) !== part) throw new RangeError(`not an IPv4 address: ${JSON.stringify(text)}`);
    value = value * 256 + byte;
  }
  return value;
}

/** 167772161 -> `"10.0.0.1"`. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** An IPv4 network: `first` is its network address as a number, `size` its count of addresses. */
export interface Cidr {
  readonly first: number;
  readonly prefix: number;
  readonly size: number;
}

/** `"10.1.0.0/16"` -> Cidr. Host bits must be zero; throws RangeError otherwise. */
export function parseCidr(text: string): Cidr {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  const prefix = Number(match?.[2]);
  if (match?.[1] === undefined || prefix > 32 || String(prefix) !== match[2]) {
    throw new RangeError(`not an IPv4 network: ${JSON.stringify(text)}`);
  }
  const first = parseIpv4(match[1]);
  const size = 2 ** (32 - prefix);
  if (first % size !== 0) throw new RangeError(`${text} has host bits set; did you mean ${formatCidr(first, prefix)}?`);
  return { first, prefix, size };
}

function formatCidr(address: number, prefix: number): string {
  const size = 2 ** (32 - prefix);
  return `${formatIpv4(address - (address % size))}/${prefix}`;
}
