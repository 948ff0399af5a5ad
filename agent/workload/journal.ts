// Intent on disk: one file per workload, replaced atomically. A record is durable (fsync of file and directory) when
// `write` resolves, and no one is told of a change before. Writes of one workload are queued and coalesced: the
// promise of a write resolves once that snapshot, or a newer one, is on disk.

import { hash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../linux/errors.js';
import { sliced } from '../../linux/sliced.js';
import { changeFile } from '../base/change-file.js';
import { DirectorySync } from '../base/directory-sync.js';
import { isExhausted, readStateSync, removeTemporary, replaceFile, setAside } from '../base/durable.js';
import type { WorkloadRecord } from '../model/record.js';
import { OfLaterVersion, readRecord } from '../model/stored-record.js';

/** 2: sandboxes with IPv6 address, MTU, group and attachment. stored-record.ts reads earlier and later ones as well. */
const VERSION = 2;

interface Queue {
  next: WorkloadRecord | undefined;
  running: Promise<void> | undefined;
}

/** A file that could not be read as a record; null: it cannot be moved either, and was left in its place. */
export interface DamagedEntry {
  readonly id: string;
  readonly problem: string;
  readonly movedTo: string | null;
}

export interface JournalOptions {
  /** Writes what sets something free, where the disk has no room for it. Default: nothing does. */
  readonly relief?: { replace(path: string, text: string): Promise<void> };
  /** Told what became of each write; undefined: it worked. */
  readonly outcome?: (error: unknown) => void;
}

/** Whether an agent has kept workloads here: then this start is a return. A directory that cannot be read says no. */
export async function hasRecords(stateDirectory: string): Promise<boolean> {
  const names = await readdir(join(stateDirectory, 'workloads')).catch(() => []);
  return names.some((name) => name.endsWith('.json'));
}

export class Journal {
  readonly #directory: string;
  readonly #setAside: string;
  readonly #options: JournalOptions;
  readonly #entries: DirectorySync;
  readonly #queues = new Map<string, Queue>();
  /** What the files hold. */
  readonly #kept = new Map<string, WorkloadRecord>();
  #writes = 0;

  constructor(stateDirectory: string, options: JournalOptions = {}) {
    this.#options = options;
    this.#directory = join(stateDirectory, 'workloads');
    this.#setAside = join(stateDirectory, 'damaged');
    this.#entries = new DirectorySync(this.#directory);
  }

  get writes(): number {
    return this.#writes;
  }

  /** Reads all records. Torn and foreign files are set aside, never fatal; left-over temporary files are removed.
   * Throws when descriptors or memory are exhausted. */
  async load(): Promise<{ records: WorkloadRecord[]; damaged: DamagedEntry[] }> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const records: WorkloadRecord[] = [];
    const damaged: DamagedEntry[] = [];
    for await (const name of sliced((await readdir(this.#directory)).sort())) {
      const path = join(this.#directory, name);
      if (name.endsWith('.tmp')) {
        await removeTemporary(path);
        continue;
      }
      try {
        const record = decode(readStateSync(path));
        if (`${record.id}.json` !== name) throw new Error(`holds the record of ${record.id}`);
        records.push(record);
        this.#kept.set(record.id, record);
      } catch (error) {
        if (isExhausted(error)) throw error;
        const to = join(this.#setAside, `${name}.${Date.now()}`);
        const movedTo = !(error instanceof OfLaterVersion) && (await setAside(path, to)) ? to : null;
        const problem = messageOf(error);
        damaged.push({ id: name.replace(/\.json$/, ''), problem, movedTo });
      }
    }
    return { records, damaged };
  }

  write(record: WorkloadRecord): Promise<void> {
    const queue = this.#queues.get(record.id) ?? { next: undefined, running: undefined };
    this.#queues.set(record.id, queue);
    queue.next = record;
    // A write in progress may have taken an older snapshot: the one to wait for starts after it.
    const before = queue.running ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#flush(record.id, queue));
    queue.running = mine;
    return mine;
  }

  /** Forgets a workload. Durable when it resolves; missing is fine. */
  async remove(id: string): Promise<void> {
    const queue = this.#queues.get(id);
    if (queue) queue.next = undefined;
    await queue?.running?.catch(() => undefined);
    this.#queues.delete(id);
    await this.#change(id, undefined);
  }

  async #flush(id: string, queue: Queue): Promise<void> {
    const record = queue.next;
    if (!record) return;
    queue.next = undefined;
    try {
      await this.#change(id, record);
    } catch (error) {
      // Another caller may wait for this same snapshot: leave it, so that its turn tries again instead of lying.
      queue.next ??= record;
      throw error;
    }
    this.#writes += 1;
  }

  async #change(id: string, after: WorkloadRecord | undefined): Promise<void> {
    const { relief } = this.#options;
    const text = (record: WorkloadRecord | undefined) => (record === undefined ? undefined : encode(record));
    await changeFile(join(this.#directory, `${id}.json`), text(after), () => text(this.#kept.get(id)), {
      write: (path, next) => this.#replace(path, next, after !== undefined && relieves(after)),
      ...(relief === undefined ? {} : { restore: (path, old) => relief.replace(path, old) }),
    });
    if (after === undefined) this.#kept.delete(id);
    else this.#kept.set(id, after);
  }

  async #replace(path: string, text: string, relieving: boolean): Promise<void> {
    const { relief, outcome } = this.#options;
    try {
      await replaceFile(path, text, { syncEntry: () => this.#entries.sync() });
      outcome?.(undefined);
    } catch (error) {
      outcome?.(error);
      if (relief === undefined || !relieving) throw error;
      await relief.replace(path, text);
    }
  }
}

/** Whether it sets something free, or is the news of an end: of which no full disk may make nothing. */
function relieves({ desired, state, end }: WorkloadRecord): boolean {
  if (desired === 'stopped' || desired === 'deleted') return true;
  return end !== null && (state === 'pending' || state === 'stopping' || state === 'exited' || state === 'failed');
}

export function encode(record: WorkloadRecord): string {
  const body = JSON.stringify(record);
  return `{"version":${VERSION},"checksum":"${checksum(body)}","record":${body}}\n`;
}

/** Whatever its version: what this one needs of it is looked at. Throws an Error that says what is wrong with the text. */
export function decode(text: string): WorkloadRecord {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object');
  const entry = parsed as { version?: unknown; checksum?: unknown; record?: unknown };
  if (!Number.isInteger(entry.version)) throw new Error(`version ${String(entry.version)} is none`);
  if (entry.record === undefined || entry.checksum !== checksum(JSON.stringify(entry.record)))
    throw new Error('wrong checksum');
  return readRecord(entry.record);
}

function checksum(body: string): string {
  return hash('sha256', body, 'hex');
}
