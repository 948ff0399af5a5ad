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
import { dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { endsOf, olderOf } from '../../systemd/supervisor/output-file.js';
import { type Mark, timesOf } from '../../systemd/supervisor/output-times.js';
import { outputPipeOf } from '../../systemd/supervisor/outputs.js';
import { PartTimes } from './output-times.js';

/** Bytes of an output. */
export interface OutputPiece {
  readonly bytes: Buffer;
  /** The position after `bytes`. */
  readonly next: number;
  readonly end: boolean;
  /** Bytes between the asked position and the first that is kept. */
  readonly missing: number;
  /** Ascending: the bytes from `offset` on, a position in the stream, came at `at`, up to the next of them. */
  readonly times?: readonly Mark[];
}

export interface ReadOptions {
  readonly offset?: number;
  /** Bytes. */
  readonly limit: number;
  /** With the times of the bytes. */
  readonly times?: boolean;
}

const NEWLINE = 0x0a;
/** Bytes that are looked through at once for line breaks. */
const BLOCK = 64 << 10;
/** Times in one piece, which ends earlier where there are more. */
const MOST_TIMES = 1000;

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
  async read(id: string, { offset, limit, times = false }: ReadOptions): Promise<OutputPiece> {
    const parts = await openParts(this.path(id));
    try {
      const { start, base, end } = parts;
      const wanted = offset ?? Math.max(start, end - limit);
      const from = wanted > end ? start : Math.max(wanted, start);
      let to = Math.min(from + limit, from < base ? base : end);
      const marks = times ? await timesIn(parts, from, to) : [];
      if (marks.length > MOST_TIMES) to = marks.pop()?.offset ?? to;
      const bytes = await readPart(parts, from, to - from);
      const next = from + bytes.length;
      return {
        ...{ bytes, next, end: next >= end, missing: Math.max(0, start - wanted) },
        ...(times ? { times: marks } : {}),
      };
    } finally {
      await closeParts(parts);
    }
  }

  /**
   * Where the first bytes begin that came at `at` (Unix ms) or later. A part without times, which an older supervisor has written, is
   * all as new as its last byte.
   */
  async startSince(id: string, at: number): Promise<number> {
    const parts = await openParts(this.path(id));
    try {
      for (const { file, from, length, marks } of partsOf(parts)) {
        const times = (await marks?.fit(length)) === true ? marks : undefined;
        const found = await times?.since(at);
        if (found !== undefined) return from + found;
        if (times === undefined && length > 0 && ((await file?.stat())?.mtimeMs ?? 0) >= at) return from;
      }
      return parts.end;
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
    await rm(dirname(timesOf(path)), { force: true, recursive: true });
    await rm(`${path}.1`, { force: true });
  }
}

/** The stream from `start` to `end`; the current part begins at `base`. */
interface Parts {
  readonly older: FileHandle | undefined;
  readonly current: FileHandle | undefined;
  readonly olderTimes: PartTimes | undefined;
  readonly currentTimes: PartTimes | undefined;
  readonly start: number;
  readonly base: number;
  readonly end: number;
}

async function openParts(path: string): Promise<Parts> {
  for (;;) {
    const base = await lastEnd(path);
    const older = base === 0 ? undefined : await openPart(join(olderOf(path), String(base)));
    const current = await openPart(path);
    const olderTimes = base === 0 ? undefined : await PartTimes.of(await openPart(timesOf(path, base)));
    const times = await PartTimes.of(await openPart(timesOf(path)));
    const end = base + (await lengthOf(current));
    const parts = {
      ...{ older, current, base, end },
      start: base - (await lengthOf(older)),
      olderTimes,
      // Under the second name when a rotation is about to rename the part.
      currentTimes: times ?? (await PartTimes.of(await openPart(timesOf(path, end)))),
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

/** The two parts, the older first: where in the stream each begins. */
function partsOf({ older, current, olderTimes, currentTimes, start, base, end }: Parts) {
  return [
    { file: older, marks: olderTimes, from: start, length: base - start },
    { file: current, marks: currentTimes, from: base, length: end - base },
  ];
}

/** Of bytes that lie in one part: at most one more than an answer has. */
async function timesIn(parts: Parts, from: number, to: number): Promise<Mark[]> {
  const part = partsOf(parts).find((one) => from >= one.from && from < one.from + one.length);
  if (part?.marks === undefined || !(await part.marks.fit(part.length))) return [];
  const marks = await part.marks.between(from - part.from, to - part.from, MOST_TIMES + 1);
  return marks.map(({ offset, at }) => ({ offset: Math.max(from, part.from + offset), at }));
}

async function closeParts({ older, current, olderTimes, currentTimes }: Parts): Promise<void> {
  for (const file of [older, current, olderTimes, currentTimes]) await file?.close();
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
