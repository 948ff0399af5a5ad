// What was learned, on disk. Losing it costs the time of learning and nothing else: whatever is wrong with the file, it is
// set aside and learning begins anew.
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, messageOf } from '../../linux/errors.js';
import { readState, replaceFile, setAside } from '../base/durable.js';

/** Of HistogramRecord. */
export const histogramSchema = z.object({
  buckets: z.array(z.tuple([z.number().int(), z.number()])).max(2000),
  scale: z.number(),
  at: z.number(),
});

/** Why nothing could be read, and where the file is now. */
export interface DamagedCheckpoint {
  readonly path: string;
  readonly problem: string;
  readonly movedTo: string;
}

export interface Loaded<T> {
  readonly record: T;
  readonly damaged?: DamagedCheckpoint;
}

export class CheckpointFile<T extends object> {
  readonly #directory: string;
  readonly #name: string;
  readonly #version: number;
  readonly #schema: z.ZodType<T>;
  readonly #nothing: T;
  /** What a later version has written beside it. */
  #others: Readonly<Record<string, unknown>> = {};

  /** `name`: of a file in the state directory. `nothing`: what is known without one. */
  constructor(stateDirectory: string, name: string, version: number, schema: z.ZodType<T>, nothing: T) {
    this.#directory = stateDirectory;
    this.#name = name;
    this.#version = version;
    this.#schema = schema;
    this.#nothing = nothing;
  }

  async load(): Promise<Loaded<T>> {
    const path = join(this.#directory, this.#name);
    try {
      const stored: unknown = JSON.parse(await readState(path));
      const record = this.#schema.parse(stored);
      this.#others = stored as Readonly<Record<string, unknown>>;
      return { record };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { record: this.#nothing };
      const movedTo = join(this.#directory, 'damaged', `${this.#name}.${Date.now()}`);
      await setAside(path, movedTo);
      const problem = messageOf(error);
      return { record: this.#nothing, damaged: { path, problem, movedTo } };
    }
  }

  /** Replaces the file as a whole: a crash leaves the old one or the new one. */
  save(record: T): Promise<void> {
    const text = JSON.stringify({ ...this.#others, ...record, version: this.#version });
    return replaceFile(join(this.#directory, this.#name), `${text}\n`);
  }
}
