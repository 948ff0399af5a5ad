// The events on disk: two segments of JSON lines, events.jsonl and the older events.jsonl.1. A line is an event, or
// a mark: `{"boot","next",...}` opens every segment and every new boot, `{"closed"}` ends an orderly run.
//
// Nothing is synced: what write(2) took survives the death of the agent, and a power cut may take a tail. Cursors of
// that tail may be known outside, so a new boot goes on JUMP further.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { clearWay } from '../durable.js';
import type { BerthEvent } from '../service.js';

export const JUMP = 1_000_000;

/** Cursors between `prior` and `next` (both exclusive of it) belong to no event kept here. */
export interface BootMark {
  readonly boot: string;
  /** The first cursor that may follow. */
  readonly next: number;
  /** The last cursor before this mark. */
  readonly prior: number;
  /** False when events after `prior` may have been lost. */
  readonly clean: boolean;
}

export interface Recovered {
  readonly events: readonly BerthEvent[];
  readonly marks: readonly BootMark[];
  /** The last run ended with `close`. */
  readonly closed: boolean;
  /** One sentence each: `events.jsonl: a torn last line was dropped (17 bytes)`. */
  readonly damage: readonly string[];
}

/** Far more than two segments, whatever their size was once. */
const MOST_BYTES = 512 << 20;
const NAME = 'events.jsonl';

/** Appends lines to the current segment. All calls are synchronous and throw errors of node:fs. */
export class EventFile {
  readonly #path: string;
  #fd: number;
  #size: number;

  private constructor(path: string) {
    this.#path = path;
    this.#fd = openSegment(path);
    this.#size = fstatSync(this.#fd).size;
  }

  /** Reads both segments, cuts a torn last line off, and opens the newer one for appending. */
  static open(directory: string, name = NAME): { file: EventFile; recovered: Recovered } {
    const odd = [`${name}.1`, name].flatMap((one) => clearWay(join(directory, one), MOST_BYTES) ?? []);
    const lines = [...readSegment(directory, `${name}.1`), ...readSegment(directory, name)];
    const file = new EventFile(join(directory, name));
    const events: BerthEvent[] = [];
    const marks: BootMark[] = [];
    const damage: string[] = odd.map(({ path, problem }) => `${path}: ${problem}`);
    let closed = false;
    for (const { name: segment, value, problem } of lines) {
      if (problem !== undefined) damage.push(`${segment}: ${problem}`);
      if (problem?.startsWith('a torn') && segment === name) file.#cutLastLine(0);
      closed = isObject(value) && 'closed' in value;
      if (isMark(value)) marks.push(value);
      else if (isEvent(value) && value.cursor > (events.at(-1)?.cursor ?? 0)) events.push(value);
      else if (value !== undefined && !closed) damage.push(`${segment}: a line that is no event was skipped`);
    }
    if (closed && file.#size > 0) file.#reopen();
    return { file, recovered: { events, marks, closed, damage } };
  }

  get size(): number {
    return this.#size;
  }

  /** Whole or not at all: after a failure the file ends where it ended before. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#size + done);
    } catch (error) {
      ftruncateSync(this.#fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Makes the current segment the old one; the previous old one is gone. */
  rotate(): void {
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch (error) {
      // A rotation that got this far and then found no room for the new segment.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    const fd = openSegment(this.#path);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#size = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Takes back the mark of an orderly end, durably: else it would vouch for a tail that this run is yet to write. */
  #reopen(): void {
    this.#cutLastLine(1);
    fsyncSync(this.#fd);
  }

  #cutLastLine(newlines: 0 | 1): void {
    const text = readFileSync(this.#path);
    this.#size = text.lastIndexOf(10, text.length - 1 - newlines) + 1;
    ftruncateSync(this.#fd, this.#size);
  }
}

interface Line {
  readonly name: string;
  readonly value?: unknown;
  readonly problem?: string;
}

function openSegment(path: string): number {
  // Not 'a': O_APPEND would ignore the position, and with it the retry after a short write.
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return openSync(path, 'w', 0o640);
  }
}

function* readSegment(directory: string, name: string): Generator<Line> {
  let text: string;
  try {
    text = readFileSync(join(directory, name), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const lines = text.split('\n');
  const torn = lines.pop() ?? '';
  for (const line of lines) {
    try {
      yield { name, value: JSON.parse(line) };
    } catch {
      yield { name, problem: `a damaged line was skipped (${line.length} characters)` };
    }
  }
  if (torn !== '') yield { name, problem: `a torn last line was dropped (${torn.length} characters)` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isMark(value: unknown): value is BootMark {
  return isObject(value) && typeof value.boot === 'string' && Number.isSafeInteger(value.next);
}

function isEvent(value: unknown): value is BerthEvent {
  return isObject(value) && Number.isSafeInteger(value.cursor) && typeof value.type === 'string';
}
