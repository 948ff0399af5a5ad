// The text shapes of cgroup v2 files (cgroup-v2.rst, "Format"): one value, names, `KEY VALUE` per line. What is sampled
// every second is read where it lies in the buffer: no string is made of it.

const BLANK = 0x20;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const LETTER_M = 0x6d;

/** The number after `key` in a flat-keyed file; 0 when the line is missing, as in older kernels. */
export function counter(text: string, key: string): number {
  const start = text.startsWith(`${key} `) ? key.length + 1 : afterLine(text, key);
  return start < 0 ? 0 : Number.parseInt(text.slice(start, start + 20), 10);
}

function afterLine(text: string, key: string): number {
  const found = text.indexOf(`\n${key} `);
  return found < 0 ? -1 : found + key.length + 2;
}

/** Names in a list file such as cgroup.controllers. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** The decimal number at `at`, up to the first byte that is no digit; 0 when there is none. */
export function numberAt(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = at; i < end; i++) {
    const digit = (bytes[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

/** A file with one number. */
export function wholeAt(bytes: Uint8Array, end: number): number {
  return numberAt(bytes, 0, end);
}

/** `268435456` -> 268435456, `max` -> `'max'`. */
export function limitAt(bytes: Uint8Array, end: number): number | 'max' {
  return bytes[0] === LETTER_M ? 'max' : numberAt(bytes, 0, end);
}

/** The keys wanted of a flat-keyed file; they are found soonest when given in the kernel's order. */
export class Keys {
  readonly #keys: readonly Uint8Array[];

  constructor(keys: readonly string[]) {
    this.#keys = keys.map((key) => Buffer.from(key, 'latin1'));
  }

  /** The number of each key in the first `end` bytes, in the order of the keys; -1 where the kernel has no such line. */
  read(bytes: Uint8Array, end: number): number[] {
    const keys = this.#keys;
    const values: number[] = new Array(keys.length).fill(-1);
    let expected = 0;
    let at = 0;
    while (at < end) {
      const found = this.#find(bytes, at, end, expected);
      const key = keys[found];
      if (key !== undefined) {
        at += key.length + 1;
        values[found] = numberAt(bytes, at, end);
        expected = found + 1;
      }
      while (at < end && bytes[at] !== NEWLINE) at++;
      at++;
    }
    return values;
  }

  #find(bytes: Uint8Array, at: number, end: number, expected: number): number {
    const keys = this.#keys;
    for (let tried = 0; tried < keys.length; tried++) {
      const index = (expected + tried) % keys.length;
      const key = keys[index];
      if (key !== undefined && isKeyAt(bytes, at, end, key)) return index;
    }
    return -1;
  }
}

function isKeyAt(bytes: Uint8Array, at: number, end: number, key: Uint8Array): boolean {
  if (at + key.length >= end || bytes[at + key.length] !== BLANK) return false;
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}
