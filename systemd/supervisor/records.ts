import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../linux/errors.js';
import { readPlainSync } from '../../linux/plain-file.js';
import { makeDirectory } from './odd.js';
import type { OutputTarget } from './output-file.js';
import type { HeldProcess } from './protocol.js';

/**
 * What is on disk about a process that should be alive. An `intent` is written before the spawn, so that a supervisor
 * killed between the spawn and its record leaves a hint where to look (`cgroup`, not older than `uptimeTicks`).
 */
export interface HeldRecord {
  readonly boot: string;
  readonly id: string;
  readonly token?: string;
  readonly phase: 'intent' | 'live';
  readonly pid: number;
  readonly startTime: number;
  readonly startedAt: number;
  readonly cgroup: string;
  readonly pidFile?: string;
  readonly uptimeTicks: number;
  /** Where the supervisor writes what comes from its FIFO; absent: the process writes to the file itself. */
  readonly output?: OutputTarget;
}

export interface EndedRecord extends HeldProcess {
  readonly boot: string;
  readonly token?: string;
  /** As in `HeldRecord`: processes that the ended one has left may still write. */
  readonly output?: OutputTarget;
}

export interface LoadedRecords {
  readonly held: HeldRecord[];
  readonly ended: EndedRecord[];
  /** Files that could not be read, with the reason; they are beside their place as NAME.damaged until the next start. */
  readonly damaged: string[];
}

/**
 * `RUNTIME/held/ID.json` and `RUNTIME/exits/ID.json`. Written to a temporary name and renamed, so a reader sees the old
 * or the new one. No fsync: the page cache survives the death of the process, and what ends the page cache ends the
 * processes too. Records of another boot are dropped, in case the directory is not on tmpfs.
 */
export class RecordStore {
  readonly #held: string;
  readonly #exits: string;
  readonly #boot: string;

  constructor(runtime: string, boot: string) {
    this.#held = join(runtime, 'held');
    this.#exits = join(runtime, 'exits');
    this.#boot = boot;
    makeDirectory(this.#held);
    makeDirectory(this.#exits);
  }

  writeHeld(record: Omit<HeldRecord, 'boot'>): void {
    write(this.#held, record.id, { boot: this.#boot, ...record });
  }

  removeHeld(id: string): void {
    rmSync(fileOf(this.#held, id), { force: true });
  }

  writeExit(record: Omit<EndedRecord, 'boot'>): void {
    write(this.#exits, record.id, { boot: this.#boot, ...record });
  }

  removeExit(id: string): void {
    rmSync(fileOf(this.#exits, id), { force: true });
  }

  load(): LoadedRecords {
    const damaged: string[] = [];
    const held = readAll(this.#held, this.#boot, heldOf, damaged);
    const ended = readAll(this.#exits, this.#boot, endedOf, damaged);
    return { held, ended, damaged };
  }
}

/** Ids are the caller's and may contain `/`. */
function fileOf(directory: string, id: string): string {
  return join(directory, `${encodeURIComponent(id)}.json`);
}

function write(directory: string, id: string, record: object): void {
  const file = fileOf(directory, id);
  writeFileSync(`${file}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

/** A record has a few hundred bytes. */
const MOST_BYTES = 1 << 20;

function readAll<T extends HeldRecord | EndedRecord>(
  directory: string,
  boot: string,
  decode: (fields: Fields) => T,
  damaged: string[],
): T[] {
  const records: T[] = [];
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (!name.endsWith('.json')) {
      rmSync(file, { recursive: true, force: true });
      continue;
    }
    try {
      const record = decode(read(file));
      if (record.boot !== boot) rmSync(file, { force: true });
      else if (fileOf(directory, record.id) !== file) throw new Error(`holds the record of ${record.id}`);
      else records.push(record);
    } catch (error) {
      damaged.push(`${file}: ${messageOf(error)}`);
      rmSync(`${file}.damaged`, { recursive: true, force: true });
      renameSync(file, `${file}.damaged`);
    }
  }
  return records;
}

type Fields = Readonly<Record<string, unknown>>;

function read(file: string): Fields {
  const value: unknown = JSON.parse(readPlainSync(file, MOST_BYTES).toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error('not a record');
  return value as Fields;
}

/** Throws an Error. What a later version adds stays. */
function processOf(fields: Fields): { id: string; boot: string; pid: number; startTime: number; startedAt: number } {
  const { id, boot, pid, startTime, startedAt } = fields;
  if (typeof id !== 'string' || typeof boot !== 'string') throw new Error('not a record');
  if (!isCount(pid) || !isCount(startTime)) throw new Error('names no process');
  return { id, boot, pid, startTime, startedAt: isCount(startedAt) ? startedAt : 0 };
}

/** Only process and cgroup are needed to hold it. A phase that this version does not know has a process, or is on its way. */
function heldOf(fields: Fields): HeldRecord {
  const process = processOf(fields);
  const { cgroup, phase, uptimeTicks } = fields;
  if (typeof cgroup !== 'string') throw new Error('names no cgroup');
  const known = phase === 'intent' || phase === 'live' ? phase : process.pid > 0 ? 'live' : 'intent';
  return { ...fields, ...process, cgroup, phase: known, uptimeTicks: isCount(uptimeTicks) ? uptimeTicks : 0 };
}

function endedOf(fields: Fields): EndedRecord {
  return { ...fields, ...processOf(fields) };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
