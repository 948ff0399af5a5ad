import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputTarget } from './output-file.js';
import type { HeldProcess } from './protocol.js';

/**
 * What is on disk about a process that should be alive. An `intent` is written before the spawn, so that a holder
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
  /** Where the holder writes what comes from its FIFO; absent: the process writes to the file itself. */
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
  /** Files that could not be read, with the reason; they were deleted, since nothing can be done with them. */
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
    mkdirSync(this.#held, { recursive: true, mode: 0o700 });
    mkdirSync(this.#exits, { recursive: true, mode: 0o700 });
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
    const held = readAll(this.#held, this.#boot, damaged) as HeldRecord[];
    const ended = readAll(this.#exits, this.#boot, damaged) as EndedRecord[];
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

function readAll(directory: string, boot: string, damaged: string[]): unknown[] {
  const records: unknown[] = [];
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (!name.endsWith('.json')) {
      rmSync(file, { force: true });
      continue;
    }
    try {
      const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
      if (!isRecord(record)) throw new Error('not a record');
      if (record.boot === boot) records.push(record);
      else rmSync(file, { force: true });
    } catch (error) {
      damaged.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      rmSync(file, { force: true });
    }
  }
  return records;
}

function isRecord(value: unknown): value is { boot: string; id: string; pid: number } {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return typeof fields.id === 'string' && typeof fields.pid === 'number' && typeof fields.boot === 'string';
}
