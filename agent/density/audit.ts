// Who had which licence from when to when: a file that is only appended to, one JSON object a line. Bounded: at its limit
// it becomes the older of two, and the one before that is gone.
import { appendFile, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { syncDirectory } from '../durable.js';

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

const MAX_BYTES = 8 << 20;

export class Audit {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #onError: (error: unknown) => void;
  #pending: AuditEntry[] = [];
  #writing: Promise<void> | undefined;
  #size: number | undefined;

  constructor(directory: string, onError: (error: unknown) => void, maxBytes = MAX_BYTES) {
    this.#path = join(directory, 'licences.audit.jsonl');
    this.#onError = onError;
    this.#maxBytes = maxBytes;
  }

  /** Written in the background, in order; `settled` waits for it. */
  append(entry: AuditEntry): void {
    this.#pending.push(entry);
    this.#writing ??= this.#drain();
  }

  /** Everything appended so far is on disk. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Oldest first; a line torn by a crash is left out. */
  async read(since = 0): Promise<AuditEntry[]> {
    await this.settled();
    const texts = await Promise.all([`${this.#path}.1`, this.#path].map(readText));
    return texts.flatMap((text) => text.split('\n').flatMap(parseLine)).filter(({ at }) => at >= since);
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

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const lines = this.#pending.map((entry) => `${JSON.stringify(entry)}\n`).join('');
      this.#pending = [];
      try {
        await this.#write(lines);
      } catch (error) {
        this.#onError(error);
        // It may have ended within a line: looked at again before the next one.
        this.#size = undefined;
      }
    }
    // In the same turn as the look at what is pending: what comes after it begins a new round.
    this.#writing = undefined;
  }

  async #write(lines: string): Promise<void> {
    if (this.#size === undefined) {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      const text = await readText(this.#path);
      // What follows a torn line must not be lost with it.
      if (text !== '' && !text.endsWith('\n')) await appendFile(this.#path, '\n');
      this.#size = await stat(this.#path).then(
        ({ size }) => size,
        () => 0,
      );
    }
    if (this.#size > 0 && this.#size + lines.length > this.#maxBytes) {
      await rename(this.#path, `${this.#path}.1`);
      this.#size = 0;
    }
    const file = await open(this.#path, 'a', 0o600);
    try {
      await file.writeFile(lines);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (this.#size === 0) await syncDirectory(dirname(this.#path));
    this.#size += Buffer.byteLength(lines);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function parseLine(line: string): AuditEntry[] {
  try {
    const entry = JSON.parse(line) as AuditEntry | null;
    return typeof entry === 'object' && entry !== null && typeof entry.at === 'number' ? [entry] : [];
  } catch {
    return [];
  }
}
