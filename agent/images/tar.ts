// Reads a tar stream: ustar, with the extensions of GNU tar and of pax that layers of images have. Names are bytes, here as
// latin1 text: they need not be UTF-8, and neither are extended attributes.
import type { ByteSource } from './byte-source.js';

const BLOCK = 512;
/** Of all long names and pax records that one entry has. */
const MOST_EXTENSION = 1 << 20;

export type EntryKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'device' | 'fifo';

export interface TarEntry {
  readonly kind: EntryKind;
  readonly path: string;
  /** Of links. */
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds. */
  readonly mtime: number;
  readonly size: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** The archive breaks the format. */
export class TarError extends Error {}

const KINDS: Readonly<Partial<Record<string, EntryKind>>> = {
  ...{ '\0': 'file', '0': 'file', '7': 'file', '1': 'hardlink', '2': 'symlink' },
  ...{ '3': 'device', '4': 'device', '5': 'directory', '6': 'fifo' },
};
const XATTR = 'SCHILY.xattr.';

/** Each entry with its content, which must be read to its end before the next entry. Throws TarError. */
export async function* readTar(source: ByteSource): AsyncGenerator<[TarEntry, AsyncGenerator<Buffer>]> {
  const everywhere = new Map<string, Buffer>();
  let next = new Map<string, Buffer>();
  /** Bytes that `next` and `everywhere` may hold: nothing else bounds how many extensions follow each other. */
  let held = 0;
  for (;;) {
    const block = await source.read(BLOCK);
    // Some builders leave the two blocks of zeros out that end an archive; one that is cut off has another digest.
    if (block.length === 0 || block.every((byte) => byte === 0)) return;
    if (block.length < BLOCK) throw new TarError('ends in the middle of a header');
    checkSum(block);
    const type = block.toString('latin1', 156, 157);
    const size = number(next.get('size') ?? everywhere.get('size'), () => field(block, 124, 12));
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      const length = field(block, 124, 12);
      held += length;
      if (held > MOST_EXTENSION) throw new TarError(`has extensions of ${held} bytes for one entry`);
      const bytes = await source.read(padded(length));
      if (bytes.length < padded(length)) throw new TarError('ends in the middle of an extension');
      const content = bytes.subarray(0, length);
      if (type === 'L' || type === 'K') next.set(type === 'L' ? 'path' : 'linkpath', untilNul(content));
      else for (const [key, value] of paxRecords(content)) (type === 'x' ? next : everywhere).set(key, value);
      continue;
    }
    const entry = entryOf(block, type, size, new Map([...everywhere, ...next]));
    next = new Map();
    held = [...everywhere.values()].reduce((sum, { length }) => sum + length, 0);
    let read = 0;
    const content = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of source.pieces(entry.size)) {
        read += piece.length;
        yield piece;
      }
    };
    yield [entry, content()];
    for await (const piece of source.pieces(padded(entry.size) - read)) read += piece.length;
    if (read < padded(entry.size)) throw new TarError(`ends in the middle of ${entry.path}`);
  }
}

function entryOf(block: Buffer, type: string, size: number, pax: ReadonlyMap<string, Buffer>): TarEntry {
  const name = untilNul(block.subarray(0, 100)).toString('latin1');
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? untilNul(block.subarray(345, 500)) : Buffer.alloc(0);
  const short = prefix.length === 0 || isGnu(block) ? name : `${prefix.toString('latin1')}/${name}`;
  const path = pax.get('path')?.toString('latin1') ?? short;
  const kind = type === '\0' && path.endsWith('/') ? 'directory' : KINDS[type];
  if (kind === undefined || pax.has('GNU.sparse.major') || pax.has('GNU.sparse.size'))
    throw new TarError(`has an entry of the unknown type ${JSON.stringify(type)}: ${path}`);
  const xattrs = new Map(
    [...pax].flatMap(([key, value]) => (key.startsWith(XATTR) ? [[key.slice(XATTR.length), value]] : [])),
  );
  return {
    ...{ kind, path, xattrs: xattrs as Map<string, Buffer> },
    target: pax.get('linkpath')?.toString('latin1') ?? untilNul(block.subarray(157, 257)).toString('latin1'),
    mode: field(block, 100, 8) & 0o7777,
    uid: number(pax.get('uid'), () => field(block, 108, 8)),
    gid: number(pax.get('gid'), () => field(block, 116, 8)),
    mtime: Math.floor(number(pax.get('mtime'), () => field(block, 136, 12))),
    // POSIX: what is no file has no content, whatever its header says of a size.
    size: kind === 'file' ? size : 0,
  };
}

function isGnu(block: Buffer): boolean {
  return block.toString('latin1', 257, 265) === 'ustar  \0';
}

/** `LENGTH KEY=VALUE\n`, the length that of the whole record. */
function* paxRecords(bytes: Buffer): Generator<[string, Buffer]> {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space === -1 ? at : space));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    const whole = Number.isSafeInteger(length) && space > at && equals > space && equals < end && end <= bytes.length;
    if (!whole || bytes[end - 1] !== 0x0a) throw new TarError('has a pax record that cannot be read');
    yield [bytes.toString('latin1', space + 1, equals), bytes.subarray(equals + 1, end - 1)];
    at = end;
  }
}

/** Octal digits, or base 256 with the first bit set. */
function field(block: Buffer, at: number, length: number): number {
  const bytes = block.subarray(at, at + length);
  const [first = 0] = bytes;
  if ((first & 0x80) !== 0) {
    // Negative times are before 1970: nobody needs them.
    if ((first & 0x40) !== 0) return 0;
    return safe(bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x3f));
  }
  const text = untilNul(bytes).toString('latin1').trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new TarError(`has a header with the number ${JSON.stringify(text)}`);
  return safe(Number.parseInt(text, 8));
}

function number(text: Buffer | undefined, otherwise: () => number): number {
  if (text === undefined) return otherwise();
  const value = Number(text.toString('latin1'));
  return safe(Math.max(0, value));
}

function safe(value: number): number {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new TarError('has a header with a number out of range');
  return value;
}

function checkSum(block: Buffer): void {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  if (sum !== field(block, 148, 8)) throw new TarError('has a header with a wrong checksum');
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}
