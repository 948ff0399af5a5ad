// Who had which licence from when to when: a file that is only appended to, one JSON object a line. Bounded: at its limit
// it becomes the older of two, and the one before that is gone. What the disk refuses waits in memory and is written when
// there is room; a start after a kill finds grants and returns of workloads anew (Density.reconcileAudit).
import { type FileHandle, mkdir, open, rename, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { inSlices } from '../../linux/sliced.js';
import { after, type Timer } from '../../linux/timers.js';
import { syncDirectory } from '../base/durable.js';
import { reportOf } from '../base/errors.js';
import type { Range } from '../base/pages.js';
import { Serial } from '../base/serial.js';
import type { Condition } from '../model/condition.js';
import { headFor, linesBehind, stretches } from './audit-place.js';

export interface AuditEntry {
  /** Unix milliseconds. */
  readonly at: number;
  /** grant and return: of a workload. lease, expire: of a scheduler, floating ones. downgrade: started without. */
  readonly type: 'grant' | 'return' | 'lease' | 'expire' | 'downgrade';
  readonly licence: string;
  readonly count: number;
  readonly workload?: string;
  readonly tenant?: string;
  readonly scheduler?: string;
  /** Why it is written only now, when that is not the moment itself. */
  readonly note?: string;
}

export interface PlacedEntry {
  readonly entry: AuditEntry;
  /** Where the next one begins: see audit-place.ts. */
  readonly end: number;
}

export interface AuditFilter extends Range<number> {
  /** Unix milliseconds. */
  readonly since?: number;
  readonly sees?: (entry: AuditEntry) => boolean;
}

export interface AuditOptions {
  readonly onError: (error: unknown) => void;
  /** Of each of the two files. */
  readonly maxBytes?: number;
  /** Entries that may wait for the disk. */
  readonly maxPending?: number;
  readonly retryMs?: number;
  /** For tests. */
  readonly write?: (file: FileHandle, bytes: Uint8Array, position: number) => Promise<void>;
}

interface Place {
  /** Where the next line begins in it. */
  readonly size: number;
  /** Where that one stands among all that were ever written. */
  readonly end: number;
}

/** Of each of the two files, whatever their size was once: see base/state-files.ts. */
const MOST_BYTES = 64 << 20;

const DEFAULTS = { maxBytes: 8 << 20, maxPending: 10_000, retryMs: 1000, write: writeAll } as const;

export class Audit {
  readonly #path: string;
  readonly #options: Required<AuditOptions>;
  #pending: AuditEntry[] = [];
  /** Entries that there was no room for in memory either. */
  #lost = 0;
  #problem: unknown;
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;
  /** Of the newer file; undefined: to be looked up. */
  #place: Place | undefined;
  /** A reader finds an entry in the file or in memory, and not in both. */
  readonly #turn = new Serial();
  #waiting: (() => void)[] = [];

  constructor(directory: string, options: AuditOptions) {
    this.#path = join(directory, 'licences.audit.jsonl');
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Written in the background, in order; `written` waits for it. */
  append(entry: AuditEntry): void {
    this.#pending.push(entry);
    // The file says how many are missing, and where.
    if (this.#pending.length > this.#options.maxPending) {
      this.#pending.shift();
      this.#lost++;
    }
    if (this.#retry === undefined) this.#begun();
  }

  /** Everything appended so far is on disk, or the disk has refused it just now. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Everything appended so far is on disk, however long that takes. */
  written(): Promise<void> {
    if (this.#pending.length === 0 && this.#writing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  conditions(): readonly Condition[] {
    if (this.#problem === undefined) return [];
    const lost = this.#lost > 0 ? `, and ${this.#lost} were lost` : '';
    return [
      {
        ...{ code: 'licence_audit_unwritable', severity: 'warning' },
        title: 'the licence audit is not written to disk',
        why: `${reportOf(this.#problem).message}; ${this.#pending.length} entries wait in memory${lost}`,
        fix: 'Make room on the file system of the state directory: berth tries again each second.',
      },
    ];
  }

  async read(): Promise<AuditEntry[]> {
    return (await this.find()).map(({ entry }) => entry);
  }

  /** Oldest first; a line torn by a crash is left out. */
  async find({ since = 0, sees = () => true, after: behind, most }: AuditFilter = {}): Promise<PlacedEntry[]> {
    await this.settled();
    return this.#turn.run(async () => {
      this.#place ??= await this.#begin();
      const { size, end } = this.#place;
      const { older, newer } = await this.#files(size);
      // Those that wait for the disk will stand right behind.
      const pending = { start: end, bytes: Buffer.from(linesOf(this.#pending)) };
      const found: PlacedEntry[] = [];
      for (const stretch of [older, newer, pending])
        for await (const line of inSlices(linesBehind(stretch, behind ?? Number.NEGATIVE_INFINITY))) {
          if (found.length >= (most ?? Number.POSITIVE_INFINITY)) return found;
          const entry = parseLine(line.text);
          if (entry !== undefined && entry.at >= since && sees(entry)) found.push({ entry, end: line.end });
        }
      return found;
    });
  }

  /** Licences that were granted and not returned, by workload. */
  async outstanding(): Promise<Map<string, Map<string, AuditEntry>>> {
    const held = new Map<string, Map<string, AuditEntry>>();
    for (const entry of await this.read()) {
      if (entry.workload === undefined) continue;
      const of = held.get(entry.workload) ?? new Map<string, AuditEntry>();
      if (entry.type === 'grant') held.set(entry.workload, of.set(entry.licence, entry));
      if (entry.type === 'return' && of.delete(entry.licence) && of.size === 0) held.delete(entry.workload);
    }
    return held;
  }

  #begun(): void {
    this.#writing ??= this.#turn.run(() => this.#drain());
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending.length > 0) await this.#next();
      this.#problem = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve();
    } catch (error) {
      this.#problem = error;
      this.#options.onError(error);
      this.#retry = after(this.#options.retryMs, () => {
        this.#retry = undefined;
        this.#begun();
      }).unref();
    }
    // In the same turn as the look at what is pending: what comes after it begins a new round.
    this.#writing = undefined;
  }

  /** What is pending stays so until it is on disk: a reader sees it there, or here. */
  async #next(): Promise<void> {
    const [first, ...others] = this.#pending;
    if (first === undefined) return;
    const lost = this.#lost;
    const note = `${lost} entries before this one were lost: the disk was full`;
    const batch = [lost > 0 ? { ...first, note } : first, ...others];
    await this.#write(linesOf(batch));
    // Those of this batch that made room for later ones meanwhile have been written all the same.
    const made = this.#lost - lost;
    this.#pending.splice(0, Math.max(0, batch.length - made));
    this.#lost = Math.max(0, made - batch.length);
  }

  async #write(lines: string): Promise<void> {
    this.#place ??= await this.#begin();
    let { size, end } = this.#place;
    if (size > 0 && size + lines.length > this.#options.maxBytes) {
      // What a refused write has left behind it would be read as an entry.
      await truncate(this.#path, size);
      await rename(this.#path, `${this.#path}.1`);
      size = 0;
      this.#place = { size, end };
    }
    const body = Buffer.from(lines);
    const bytes = size === 0 && end !== 0 ? Buffer.concat([Buffer.from(headFor(end)), body]) : body;
    const file = await openToWrite(this.#path);
    try {
      // What a refused write has left would stand there twice.
      await file.truncate(size);
      await this.#options.write(file, bytes, size);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (size === 0) await syncDirectory(dirname(this.#path));
    size += bytes.length;
    end += body.length;
    this.#place = { size, end };
  }

  /** Behind the last whole line: what a kill has torn is dropped. */
  async #begin(): Promise<Place> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const size = (await readBytes(this.#path)).lastIndexOf(10) + 1;
    const { newer } = await this.#files(size);
    return { size, end: newer.start + newer.bytes.length };
  }

  async #files(size: number): Promise<ReturnType<typeof stretches>> {
    const [older, newer] = await Promise.all([readBytes(`${this.#path}.1`), readBytes(this.#path)]);
    return stretches(older, newer.subarray(0, size));
  }
}

function linesOf(entries: readonly AuditEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

async function openToWrite(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return open(path, 'wx', 0o600);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readPlain(path, MOST_BYTES);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function parseLine(line: string): AuditEntry | undefined {
  try {
    const entry = JSON.parse(line) as AuditEntry | null;
    return typeof entry === 'object' && entry !== null && typeof entry.at === 'number' ? entry : undefined;
  } catch {
    return undefined;
  }
}
