// What was learned, on disk. Losing it costs a day of learning and nothing else: whatever is wrong with the file, it is set
// aside and learning begins anew.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf } from '../../../linux/errors.js';
import type { PredictorRecord } from './predictor.js';

const VERSION = 1;
const histogram = z.object({
  buckets: z.array(z.tuple([z.number().int(), z.number()])).max(2000),
  scale: z.number(),
  at: z.number(),
});
const schema = z.object({
  version: z.literal(VERSION),
  shapes: z.array(
    z.object({ shape: z.string(), samples: z.number(), since: z.number(), cpu: histogram, memory: histogram }),
  ),
});

export interface Loaded {
  readonly record: PredictorRecord;
  /** Why nothing could be read, and where the file is now. */
  readonly damaged?: { readonly problem: string; readonly movedTo: string };
}

export class Checkpoint {
  readonly #directory: string;
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#directory = stateDirectory;
    this.#path = join(stateDirectory, 'prediction.json');
  }

  async load(): Promise<Loaded> {
    try {
      const text = await readFile(this.#path, 'utf8');
      const { shapes } = schema.parse(JSON.parse(text));
      return { record: { shapes } };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { record: { shapes: [] } };
      const movedTo = join(this.#directory, 'damaged', `prediction.json.${Date.now()}`);
      await mkdir(join(this.#directory, 'damaged'), { recursive: true, mode: 0o700 });
      await rename(this.#path, movedTo);
      const problem = error instanceof Error ? error.message : String(error);
      return { record: { shapes: [] }, damaged: { problem, movedTo } };
    }
  }

  /** Replaces the file as a whole: a crash leaves the old one or the new one. */
  async save(record: PredictorRecord): Promise<void> {
    const file = await open(`${this.#path}.tmp`, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ version: VERSION, ...record })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.tmp`, this.#path);
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
