// A few numbers by name (acked cursors, epochs) in one JSON file, replaced atomically. Writes that arrive while one is
// under way share the next one, so a burst of acks costs two replacements, not one each.
import { renameSync } from 'node:fs';
import { codeOf } from '../../linux/errors.js';
import { readPlainSync } from '../../linux/plain-file.js';
import { changeFile } from '../base/change-file.js';
import { clearWay, isExhausted, replaceFile } from '../base/durable.js';
import { reportOf } from '../base/errors.js';

export interface NumberFileOptions {
  /** Survive a power cut, not only the death of the agent. */
  readonly fsync: boolean;
  /** Told once when the file could not be read; it has been set aside as PATH.damaged. */
  readonly onDamage: (path: string, problem: string) => void;
}

type Numbers = ReadonlyMap<string, number>;

export class NumberFile {
  readonly #path: string;
  readonly #fsync: boolean;
  /** What a later version has written beside the numbers. */
  readonly #others: Readonly<Record<string, unknown>>;
  /** What the file holds. */
  #kept: Numbers;
  /** On their way to it. */
  #underWay: Numbers = new Map();
  /** Of the next write. */
  #asked = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, options: NumberFileOptions) {
    this.#path = path;
    this.#fsync = options.fsync;
    const { values, others } = load(path, options.onDamage);
    this.#kept = values;
    this.#others = others;
  }

  /** What was set last, unless its write has failed. */
  get(key: string): number | undefined {
    return this.#asked.get(key) ?? this.#underWay.get(key) ?? this.#kept.get(key);
  }

  /** The largest number, 0 when there is none. */
  max(): number {
    return Math.max(0, ...this.#kept.values(), ...this.#underWay.values(), ...this.#asked.values());
  }

  /** Changes the number at once; resolves when the file holds it. Throws errors of node:fs: then the number is as before. */
  set(key: string, value: number): Promise<void> {
    this.#asked.set(key, value);
    return this.#flush();
  }

  /** Resolves when the file holds `value` for `key`, which is written only where it does not yet. */
  async ensure(key: string, value: number): Promise<void> {
    if (this.get(key) !== value || this.#kept.get(key) !== value) await this.set(key, value);
  }

  /** Resolves when no write is under way any more. Throws what the last one has thrown. */
  async settled(): Promise<void> {
    await (this.#next ?? this.#writing);
  }

  #flush(): Promise<void> {
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

  async #write(): Promise<void> {
    this.#underWay = this.#asked;
    this.#asked = new Map();
    const after = new Map([...this.#kept, ...this.#underWay]);
    const write = (path: string, text: string): Promise<void> => replaceFile(path, text, { fsync: this.#fsync });
    try {
      await changeFile(this.#path, this.#encode(after), () => this.#encode(this.#kept), { write, restore: write });
      this.#kept = after;
    } finally {
      this.#underWay = new Map();
    }
  }

  #encode(numbers: Numbers): string {
    return `${JSON.stringify({ ...this.#others, ...Object.fromEntries(numbers) })}\n`;
  }
}

interface Loaded {
  readonly values: Map<string, number>;
  readonly others: Readonly<Record<string, unknown>>;
}

/** As of every file of state: see base/durable.ts. */
const MOST_BYTES = 64 << 20;

function load(path: string, onDamage: NumberFileOptions['onDamage']): Loaded {
  const nothing = { values: new Map<string, number>(), others: {} };
  const odd = clearWay(path);
  if (odd !== undefined) {
    onDamage(path, odd.problem);
    return nothing;
  }
  let text: string;
  try {
    text = readPlainSync(path, MOST_BYTES).toString('utf8');
  } catch (error) {
    if (isExhausted(error)) throw error;
    if (codeOf(error) !== 'ENOENT') onDamage(path, reportOf(error).message);
    return nothing;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('not an object');
    const entries = Object.entries(parsed as Record<string, unknown>);
    const isNumber = (entry: readonly [string, unknown]): entry is [string, number] => Number.isSafeInteger(entry[1]);
    if (entries.length > 0 && !entries.some(isNumber)) throw new Error('no numbers');
    return {
      values: new Map(entries.filter(isNumber)),
      others: Object.fromEntries(entries.filter((entry) => !isNumber(entry))),
    };
  } catch (error) {
    try {
      renameSync(path, `${path}.damaged`);
    } catch {
      // It is in nobody's way: the next write replaces it.
    }
    onDamage(path, reportOf(error).message);
    return nothing;
  }
}
