// stdout and stderr of workloads, as the supervisor writes them: the current part, and one older part (systemd/supervisor/output-file.ts).
// Positions count the bytes of the whole stream, over rotations.
import {
  constants,
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  truncate,
} from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { endsOf, olderOf } from '../../systemd/supervisor/output-file.js';
import { outputPipeOf } from '../../systemd/supervisor/outputs.js';

/** Bytes of an output. */
export interface OutputPiece {
  readonly bytes: Buffer;
  /** The position after `bytes`. */
  readonly next: number;
  readonly end: boolean;
  /** Bytes between the asked position and the first that is kept. */
  readonly missing: number;
}

const NEWLINE = 0x0a;
/** Bytes that are looked through at once for line breaks. */
const BLOCK = 64 << 10;

export class OutputStore {
  readonly #directory: string;
  readonly #runtime: string;
  /** Bytes at most in each part. */
  readonly limit: number;

  constructor(options: { readonly state: string; readonly runtime: string; readonly maxBytes: number }) {
    this.#directory = join(options.state, 'logs');
    this.#runtime = options.runtime;
    this.limit = options.maxBytes;
  }

  async setup(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  path(id: string): string {
    return join(this.#directory, `${id}.log`);
  }

  /** `offset` absent: the last `limit` bytes. One beyond the end is of an output that was removed since, and starts over. */
  async read(id: string, options: { readonly offset?: number; readonly limit: number }): Promise<OutputPiece> {
    const parts = await openParts(this.path(id));
    try {
      const { start, base, end } = parts;
      const wanted = options.offset ?? Math.max(start, end - options.limit);
      const from = wanted > end ? start : Math.max(wanted, start);
      const bytes = await readPart(parts, from, Math.min(options.limit, (from < base ? base : end) - from));
      const next = from + bytes.length;
      return { bytes, next, end: next >= end, missing: Math.max(0, start - wanted) };
    } finally {
      await closeParts(parts);
    }
  }

  /** Where the last `lines` lines begin; what stands behind the last line break is a line, too. */
  async startOfLast(id: string, lines: number): Promise<number> {
    const parts = await openParts(this.path(id));
    try {
      const { start, base, end } = parts;
      let left = lines;
      for (let to = end; left > 0 && to > start; ) {
        // A block lies in one part.
        const from = Math.max(to > base ? base : start, to - BLOCK);
        const bytes = await readPart(parts, from, to - from);
        // The line break at the very end ends the last line, and begins none.
        const last = to === end ? bytes.length - 2 : bytes.length - 1;
        for (let at = last; at >= 0; at--) {
          at = bytes.lastIndexOf(NEWLINE, at);
          if (at < 0) break;
          left -= 1;
          if (left === 0) return from + at + 1;
        }
        to = from;
      }
      return lines === 0 ? end : start;
    } finally {
      await closeParts(parts);
    }
  }

  /** The position of the next byte that will be written. */
  async position(id: string): Promise<number> {
    const path = this.path(id);
    // Nothing is in the current part that a rotation could move meanwhile.
    if ((await sizeOf(path)) === 0) return lastEnd(path);
    const parts = await openParts(path);
    await closeParts(parts);
    return parts.end;
  }

  /** The last `limit` bytes of what was written from `since` on. */
  async tail(id: string, since: number, limit: number): Promise<string> {
    const last = await this.read(id, { limit });
    if (last.next - last.bytes.length >= since || since > last.next) return last.bytes.toString('utf8');
    return last.bytes.subarray(last.bytes.length - (last.next - since)).toString('utf8');
  }

  /**
   * Only of a process that writes to the file itself, as those that a supervisor of version 0.1.0 has started do. What is written
   * between copy and cut is lost.
   */
  async cap(id: string): Promise<void> {
    const path = this.path(id);
    if ((await sizeOf(path)) <= this.limit || (await isThere(outputPipeOf(this.#runtime, id)))) return;
    const older = olderOf(path);
    const position = await this.position(id);
    const former = await endsIn(older);
    await mkdir(older, { recursive: true, mode: 0o700 });
    await copyFile(path, join(older, 'copy'));
    await rename(join(older, 'copy'), join(older, String(position)));
    await truncate(path, 0);
    for (const end of former) await rm(join(older, String(end)), { force: true });
    await rm(`${path}.1`, { force: true });
  }

  async remove(id: string): Promise<void> {
    const path = this.path(id);
    await rm(path, { force: true });
    await rm(olderOf(path), { force: true, recursive: true });
    await rm(`${path}.1`, { force: true });
  }
}

/** The stream from `start` to `end`; the current part begins at `base`. */
interface Parts {
  readonly older: FileHandle | undefined;
  readonly current: FileHandle | undefined;
  readonly start: number;
  readonly base: number;
  readonly end: number;
}

async function openParts(path: string): Promise<Parts> {
  for (;;) {
    const base = await lastEnd(path);
    const older = base === 0 ? undefined : await openPart(join(olderOf(path), String(base)));
    const current = await openPart(path);
    const parts = {
      ...{ older, current, base },
      start: base - (await lengthOf(older)),
      end: base + (await lengthOf(current)),
    };
    // A rotation in between would have put the wrong position on the file.
    if ((await lastEnd(path)) === base) return parts;
    await closeParts(parts);
  }
}

/** From a position on, at most to the end of the part in which it lies. */
async function readPart({ older, current, start, base }: Parts, from: number, length: number): Promise<Buffer> {
  const [file, at] = from < base ? [older, from - start] : [current, from - base];
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, file === undefined ? 0 : (await file.read(buffer, 0, length, at)).bytesRead);
}

async function closeParts({ older, current }: Parts): Promise<void> {
  await older?.close();
  await current?.close();
}

async function lastEnd(path: string): Promise<number> {
  return (await endsIn(olderOf(path))).at(-1) ?? 0;
}

async function endsIn(directory: string): Promise<number[]> {
  return readdir(directory).then(endsOf, orIfMissing<number[]>([]));
}

function openPart(path: string): Promise<FileHandle | undefined> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(orIfMissing(undefined));
}

async function lengthOf(file: FileHandle | undefined): Promise<number> {
  return file === undefined ? 0 : (await file.stat()).size;
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(({ size }) => size, orIfMissing(0));
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(() => true, orIfMissing(false));
}

function orIfMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'ENOENT') return instead;
    throw error;
  };
}
