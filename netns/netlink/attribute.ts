// Attributes (struct nlattr): length, type, payload, padded to four bytes. Netlink is in host byte order; Node's
// Linux builds for servers are little-endian (x64, arm64), so the codec is too.
import { NLA_F_NESTED, NLA_TYPE_MASK } from './constants.js';
import { inetBytes } from './inet.js';

const HEADER = 4;

/** Rounds up to the four bytes that every netlink object is padded to. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** One attribute with its padding. Throws RangeError for a payload that the 16-bit length cannot hold. */
export function attribute(type: number, payload: Buffer): Buffer {
  const length = HEADER + payload.length;
  if (length > 0xffff) throw new RangeError(`netlink attribute ${type} is too long: ${payload.length} bytes`);
  const out = Buffer.alloc(align(length));
  out.writeUInt16LE(length, 0);
  out.writeUInt16LE(type, 2);
  payload.copy(out, HEADER);
  return out;
}

export function nested(type: number, ...children: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(children));
}

export function u8(type: number, value: number): Buffer {
  return attribute(type, Buffer.from([value]));
}

export function u32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

/** 64 bits from a number, exact up to 2^53. */
export function u64(type: number, value: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(BigInt(value));
  return attribute(type, payload);
}

/** Text with its closing NUL, as the kernel's NLA_NUL_STRING wants. */
export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** `aa:bb:cc:dd:ee:ff`. */
export function mac(type: number, value: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)) throw new RangeError(`not a MAC address: ${value}`);
  return attribute(type, Buffer.from(value.replaceAll(':', ''), 'hex'));
}

/** IPv4 or IPv6 address, in network order as addresses are everywhere in netlink. */
export function inet(type: number, value: string): Buffer {
  return attribute(type, inetBytes(value));
}

/** Calls `visit(type, start, end)` for each attribute in `[start, end)` of `buffer`, in place; stops at a torn one. */
export function eachAttribute(
  buffer: Buffer,
  start: number,
  end: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  let at = start;
  while (at + HEADER <= end) {
    const length = buffer.readUInt16LE(at);
    if (length < HEADER || at + length > end) return;
    visit(buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, at + HEADER, at + length);
    at += align(length);
  }
}

export function readText(buffer: Buffer, start: number, end: number): string {
  const nul = buffer.indexOf(0, start);
  return buffer.toString('utf8', start, nul >= start && nul < end ? nul : end);
}

export function readMac(buffer: Buffer, start: number, end: number): string {
  return (buffer.toString('hex', start, end).match(/../g) ?? []).join(':');
}

/** 64 bits as a number; beyond 2^53 off by less than one part in 10^15. */
export function readU64(buffer: Buffer, start: number): number {
  return buffer.readUInt32LE(start) + buffer.readUInt32LE(start + 4) * 2 ** 32;
}
