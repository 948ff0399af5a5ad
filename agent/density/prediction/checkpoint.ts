// What was learned, on disk. Losing it costs a day of learning and nothing else: whatever is wrong with the file, it is set
// aside and learning begins anew.
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf } from '../../../linux/errors.js';
import { replaceFile } from '../../durable.js';
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

/** Why nothing could be read, and where the file is now. */
export interface DamagedCheckpoint {
  readonly path: string;
  readonly problem: string;
  readonly movedTo: string;
}

export interface Loaded {
  readonly record: PredictorRecord;
  readonly damaged?: DamagedCheckpoint;
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
      return { record: { shapes: [] }, damaged: { path: this.#path, problem, movedTo } };
    }
  }

  async save(record: PredictorRecord): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify({ version: VERSION, ...record })}\n`);
  }
}
