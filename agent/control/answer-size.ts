// How long an answer would be, before it is made: JSON.stringify holds the main loop, and what it makes stays in memory
// until the peer has read it.
import type { ErrorReport } from '../../protocol/errors.js';

/** Bytes of an error on the wire, id and envelope included: below 64 KiB. */
export const ERROR_BYTES = 60 << 10;
/** Characters of its sentence, which the answer holds twice, and of its hint. */
const MOST_TEXT = 10_000;
const MOST_DATA = 20_000;

/**
 * An upper bound of the bytes of `value` as JSON; counts no further than a little above `most`. `undefined` and functions
 * inside count as if they were there.
 */
export function bytesOf(value: unknown, most: number): number {
  switch (typeof value) {
    case 'string':
      return value.length > most ? value.length : lengthOf(value);
    case 'number':
    case 'bigint':
      return 24;
    case 'object':
      return value === null ? 4 : bytesWithin(value, most);
    default:
      return 9;
  }
}

function bytesWithin(value: object, most: number): number {
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const each of value) {
      bytes += bytesOf(each, most - bytes) + 1;
      if (bytes > most) break;
    }
    return bytes;
  }
  for (const [key, each] of Object.entries(value)) {
    bytes += lengthOf(key) + bytesOf(each, most - bytes) + 2;
    if (bytes > most) break;
  }
  return bytes;
}

/** Of one text: what JSON escapes is longer, and UTF-8 takes several bytes for most of the world's letters. */
function lengthOf(text: string): number {
  if (isPlain(text)) return text.length + 2;
  let bytes = 2;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0xd800 && unit < 0xe000)) bytes += 6;
    else if (unit === 0x22 || unit === 0x5c) bytes += 2;
    else bytes += unit < 0x80 ? 1 : 3;
  }
  return bytes;
}

function isPlain(text: string): boolean {
  return /^[ !#-[\]-~]*$/.test(text);
}

/** An error whose answer stays below ERROR_BYTES, whatever was quoted in it; what had to be left out is said. */
export function boundedReport(report: ErrorReport): ErrorReport {
  const { code, message, hint, data } = report;
  if (bytesOf(message, MOST_DATA) * 2 + bytesOf(hint, MOST_DATA) + bytesOf(data, MOST_DATA) < ERROR_BYTES)
    return report;
  const short = { code, message: cut(message, MOST_TEXT), hint: cut(hint, MOST_TEXT) };
  if (data === undefined) return short;
  return {
    ...short,
    data: bytesOf(data, MOST_DATA) > MOST_DATA ? { omitted: 'data: longer than an answer may be' } : data,
  };
}

/** To `most` bytes of JSON. */
function cut(text: string, most: number): string {
  if (bytesOf(text, most) <= most) return text;
  return `${text.slice(0, isPlain(text) ? most - 5 : Math.floor(most / 6) - 5)}...`;
}
