// The events on disk: segments of JSON lines, events.jsonl and the older events.jsonl.1, .2 and so on. A line is an event,
// or a mark: `{"boot","next",...}` opens every segment and every life of the agent, `{"closed"}` ends an orderly one.
//
// Nothing is synced: what write(2) took survives the death of the agent, and a power cut may take a tail. Cursors of a
// lost tail may be known outside, so a life after one that did not end in order goes on JUMP further.
import { fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { clearWay } from '../base/durable.js';
import type { BerthEvent } from '../model/event.js';
import { type EventIo, nodeIo } from './event-io.js';

export const JUMP = 1_000_000;
/** Cursors for each millisecond since the last event on disk: more than any agent gives out. */
export const RATE = 10;

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
  /** Those of them in the newest segment. */
  readonly newest: readonly BerthEvent[];
  readonly marks: readonly BootMark[];
  /** The last run ended with `close`. */
  readonly closed: boolean;
  /** One sentence each: `events.jsonl: a torn last line was dropped (17 bytes)`. */
  readonly damage: readonly string[];
}

/** Far more than two segments, whatever their size was once. */
const MOST_BYTES = 512 << 20;
const NAME = 'events.jsonl';

export interface EventFileOptions {
  readonly name?: string;
  /** Beside the newest. Default 1. */
  readonly older?: number;
  /** For tests. */
  readonly io?: EventIo;
}

/** Appends lines to the current segment, one call at a time. Calls throw errors of node:fs. */
export class EventFile {
  readonly #path: string;
  readonly #older: number;
  readonly #io: EventIo;
  #fd: number;
  #size: number;
  /** Bytes behind `#size` that a failed write has left. */
  #torn = false;
  /** A rotation has moved all segments, and found no room for the new one. */
  #shifted = false;

  private constructor(path: string, older: number, io: EventIo) {
    this.#path = path;
    this.#older = older;
    this.#io = io;
    this.#fd = openSegment(path);
    this.#size = fstatSync(this.#fd).size;
  }

  /** Reads all segments, cuts a torn last line off, and opens the newest one for appending. Synchronous: for a start. */
  static open(directory: string, options: EventFileOptions = {}): { file: EventFile; recovered: Recovered } {
    const { name = NAME, older = 1, io = nodeIo } = options;
    const names = [...Array.from({ length: older }, (_, at) => `${name}.${older - at}`), name];
    const odd = names.flatMap((one) => clearWay(join(directory, one), MOST_BYTES) ?? []);
    const lines = names.flatMap((one) => [...readSegment(directory, one)]);
    const file = new EventFile(join(directory, name), older, io);
    const events: BerthEvent[] = [];
    const newest: BerthEvent[] = [];
    const marks: BootMark[] = [];
    const damage: string[] = odd.map(({ path, problem }) => `${path}: ${problem}`);
    let closed = false;
    for (const { name: segment, value, problem } of lines) {
      if (problem !== undefined) damage.push(`${segment}: ${problem}`);
      if (problem?.startsWith('a torn') && segment === name) file.#cutLastLine(0);
      closed = isObject(value) && 'closed' in value;
      if (isMark(value)) marks.push(value);
      else if (isEvent(value) && value.cursor > (events.at(-1)?.cursor ?? 0)) {
        events.push(value);
        if (segment === name) newest.push(value);
      } else if (value !== undefined && !closed) damage.push(`${segment}: a line that is no event was skipped`);
    }
    if (closed && file.#size > 0) file.#reopen();
    return { file, recovered: { events, newest, marks, closed, damage } };
  }

  get size(): number {
    return this.#size;
  }

  /** At a start, before anybody waits: one line, whole or not at all. Synchronous. */
  writeNow(line: string): void {
    const bytes = Buffer.from(line);
    try {
      if (writeSync(this.#fd, bytes, 0, bytes.length, this.#size) < bytes.length) throw new Error('a short write');
    } catch (error) {
      ftruncateSync(this.#fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Whole or not at all: after a failure the next write takes the place of what this one has left. */
  async write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    // Else a shorter text would leave the end of a longer one behind itself.
    if (this.#torn) await this.#io.truncate(this.#fd, this.#size);
    this.#torn = true;
    for (let done = 0; done < bytes.length; )
      done += await this.#io.write(this.#fd, bytes.subarray(done), this.#size + done);
    this.#torn = false;
    this.#size += bytes.length;
  }

  /** Makes the current segment the newest of the older ones; the oldest is gone. May be called again after a failure. */
  async rotate(): Promise<void> {
    if (!this.#shifted) await this.#shift();
    this.#shifted = true;
    const before = this.#fd;
    this.#fd = await this.#io.open(this.#path);
    this.#shifted = false;
    this.#size = 0;
    this.#torn = false;
    await this.#io.close(before);
  }

  async #shift(): Promise<void> {
    for (let at = this.#older; at > 0; at--) {
      try {
        await this.#io.rename(at === 1 ? this.#path : `${this.#path}.${at - 1}`, `${this.#path}.${at}`);
      } catch (error) {
        // There were not so many yet.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#io.close(this.#fd);
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
