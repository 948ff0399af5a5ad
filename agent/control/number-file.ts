// A few numbers by name (acked cursors, epochs) in one JSON file, replaced atomically. Writes that arrive while one is
// under way share the next one, so a burst of acks costs two replacements, not one each.
import { readFileSync, renameSync } from 'node:fs';
import { codeOf } from '../../linux/errors.js';
import { replaceFile } from '../durable.js';
import { reportOf } from '../errors.js';

export interface NumberFileOptions {
  /** Survive a power cut, not only the death of the agent. */
  readonly fsync: boolean;
  /** Told once when the file could not be read; it has been set aside as PATH.damaged. */
  readonly onDamage: (path: string, problem: string) => void;
}

export class NumberFile {
  readonly #path: string;
  readonly #fsync: boolean;
  readonly #values: Map<string, number>;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, options: NumberFileOptions) {
    this.#path = path;
    this.#fsync = options.fsync;
    this.#values = load(path, options.onDamage);
  }

  get(key: string): number | undefined {
    return this.#values.get(key);
  }

  /** The largest number, 0 when there is none. */
  max(): number {
    return Math.max(0, ...this.#values.values());
  }

  /** Changes the number at once; resolves when the file holds it. Throws errors of node:fs. */
  set(key: string, value: number): Promise<void> {
    this.#values.set(key, value);
    return this.flush();
  }

  flush(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#writing === undefined) return this.#start();
    this.#next = this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const writing = this.#write().finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  #write(): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(this.#values))}\n`;
    return replaceFile(this.#path, text, { fsync: this.#fsync });
  }
}

function load(path: string, onDamage: NumberFileOptions['onDamage']): Map<string, number> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Map();
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('not an object');
    const entries = Object.entries(parsed as Record<string, unknown>);
    if (!entries.every((e): e is [string, number] => Number.isSafeInteger(e[1]))) throw new Error('not all numbers');
    return new Map(entries);
  } catch (error) {
    renameSync(path, `${path}.damaged`);
    onDamage(path, reportOf(error).message);
    return new Map();
  }
}
