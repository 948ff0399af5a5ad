// Intent on disk: one file per workload, replaced atomically. A record is durable (fsync of file and directory) when
// `write` resolves, and no one is told of a change before. Writes of one workload are queued and coalesced: the
// promise of a write resolves once that snapshot, or a newer one, is on disk.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isExhausted, removeFile, replaceFile } from '../durable.js';
import { NEVER_RUN, NO_NETWORK, type WorkloadRecord } from './record.js';
import { withoutOldDefault } from './restart.js';
import { parseSpec } from './spec.js';

/** 2: sandboxes with IPv6 address, MTU, group and attachment. Entries of version 1 are read as well. */
const VERSION = 2;
const READABLE: readonly unknown[] = [1, VERSION];

interface Queue {
  next: WorkloadRecord | undefined;
  running: Promise<void> | undefined;
}

/** A file that could not be read as a record; it was moved to `movedTo`. */
export interface DamagedEntry {
  readonly id: string;
  readonly problem: string;
  readonly movedTo: string;
}

export class Journal {
  readonly #directory: string;
  readonly #setAside: string;
  readonly #queues = new Map<string, Queue>();
  #writes = 0;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, 'workloads');
    this.#setAside = join(stateDirectory, 'damaged');
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
    for (const name of (await readdir(this.#directory)).sort()) {
      const path = join(this.#directory, name);
      if (name.endsWith('.tmp')) {
        await unlink(path);
        continue;
      }
      try {
        const record = decode(await readFile(path, 'utf8'));
        if (`${record.id}.json` !== name) throw new Error(`holds the record of ${record.id}`);
        records.push(record);
      } catch (error) {
        if (isExhausted(error)) throw error;
        const movedTo = join(this.#setAside, `${name}.${Date.now()}`);
        await mkdir(this.#setAside, { recursive: true, mode: 0o700 });
        await rename(path, movedTo);
        const problem = error instanceof Error ? error.message : String(error);
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
    await removeFile(join(this.#directory, `${id}.json`));
  }

  async #flush(id: string, queue: Queue): Promise<void> {
    const record = queue.next;
    if (!record) return;
    queue.next = undefined;
    try {
      await replaceFile(join(this.#directory, `${id}.json`), encode(record));
    } catch (error) {
      // Another caller may wait for this same snapshot: leave it, so that its turn tries again instead of lying.
      queue.next ??= record;
      throw error;
    }
    this.#writes += 1;
  }
}

export function encode(record: WorkloadRecord): string {
  const body = JSON.stringify(record);
  return `{"version":${VERSION},"checksum":"${checksum(body)}","record":${body}}\n`;
}

/** Throws an Error that says what is wrong with the text. */
export function decode(text: string): WorkloadRecord {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object');
  const entry = parsed as { version?: unknown; checksum?: unknown; record?: WorkloadRecord };
  if (!READABLE.includes(entry.version))
    throw new Error(`version ${String(entry.version)} is not one of ${READABLE.join(', ')}`);
  if (!entry.record || entry.checksum !== checksum(JSON.stringify(entry.record))) throw new Error('wrong checksum');
  // Fields that an older agent did not know get their defaults.
  const { record } = entry;
  const spec = withoutOldDefault(record, parseSpec(record.spec));
  return { ...NEVER_RUN, ...record, spec, sandbox: { ...NO_NETWORK, ...record.sandbox } };
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
