// Internet addresses as text and as the bytes of the wire (network order): inet_pton(3) and inet_ntop(3).
import { isIPv4, isIPv6 } from 'node:net';

/** `"10.0.0.1"` -> 4 bytes, `"fd00::1"` -> 16. Leading zeros of a dotted quad and zones (`%eth0`) throw RangeError. */
export function inetBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  const [head = '', tail = ''] = text
    .replace(/[\d.]+\.\d+$/, dottedAsGroups)
    .split('::')
    .map(groupsAsHex);
  return Buffer.from(head + tail.padStart(32 - head.length, '0'), 'hex');
}

/** The bytes `[start, end)`, 4 or 16, as text; IPv6 in the canonical form of RFC 5952, always hexadecimal. */
export function inetText(buffer: Buffer, start: number, end: number): string {
  if (end - start === 4) return buffer.subarray(start, end).join('.');
  if (end - start !== 16) throw new RangeError(`not an IP address: ${end - start} bytes`);
  const groups: string[] = [];
  for (let at = start; at < end; at += 2) groups.push(buffer.readUInt16BE(at).toString(16));
  const text = groups.join(':');
  // Only the first of the longest runs of zeros is shortened, and a single zero never.
  let longest = '';
  for (const run of text.match(/\b0(?::0)+\b/g) ?? []) if (run.length > longest.length) longest = run;
  return longest === '' ? text : text.replace(new RegExp(`(^|:)${longest}(:|$)`), '::');
}

/** The family that the text is written in. What is neither throws nothing here, but in `inetBytes`. */
export function familyOf(text: string): 4 | 6 {
  return text.includes(':') ? 6 : 4;
}

function dottedAsGroups(dotted: string): string {
  const hex = Buffer.from(dotted.split('.').map(Number)).toString('hex');
  return `${hex.slice(0, 4)}:${hex.slice(4)}`;
}

function groupsAsHex(groups: string): string {
  return groups === '' ? '' : groups.replace(/[^:]+:?/g, (group) => group.replace(':', '').padStart(4, '0'));
}
