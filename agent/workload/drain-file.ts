// The drain of the node, kept across restarts and boots in one file of the state directory; without a drain there is none.
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, messageOf } from '../../linux/errors.js';
import { changeFile } from '../base/change-file.js';
import { type Damaged, isExhausted, readState, replaceFile, setAside } from '../base/durable.js';
import type { DrainOrder } from '../model/drain.js';
import { CLASSES } from '../model/spec.js';

export interface DrainStore {
  /** Null: there is none. */
  load(): Promise<DrainOrder | null>;
  /** Durable when it resolves; what rejects has not taken place. */
  save(order: DrainOrder | null): Promise<void>;
}

export interface DrainFileOptions {
  readonly onDamaged: (damaged: Damaged) => void;
  /** To drain and to lift a drain where the disk is full. */
  readonly relief?: { replace(path: string, text: string): Promise<void> };
}

const VERSION = 1;

/** Fields of a later version are left out: an older agent carries out what it knows of. */
const schema: z.ZodType<DrainOrder> = z.object({
  since: z.number(),
  deadline: z.object({ bootId: z.string(), boot: z.number(), wall: z.number(), ttl: z.number() }).nullable(),
  graceMs: z.number().min(0).nullable(),
  keepClass: z.enum(CLASSES).nullable(),
  tenant: z.string().nullable(),
  selector: z.string().nullable(),
  drainedAt: z.number().nullable(),
  lifting: z.boolean(),
  opened: z.boolean().default(false),
});

export class DrainFile implements DrainStore {
  readonly #path: string;
  readonly #onDamaged: DrainFileOptions['onDamaged'];
  readonly #write: (path: string, text: string) => Promise<void>;
  #held: string | undefined;

  constructor(stateDirectory: string, { onDamaged, relief }: DrainFileOptions) {
    this.#path = join(stateDirectory, 'drain.json');
    this.#onDamaged = onDamaged;
    this.#write = relief === undefined ? replaceFile : (path, text) => relief.replace(path, text);
  }

  /** One that cannot be read is set aside: what was stopped stays so, and `uncordon` starts it again. */
  async load(): Promise<DrainOrder | null> {
    try {
      const text = await readState(this.#path);
      const order = schema.parse(JSON.parse(text));
      this.#held = text;
      return order;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      if (isExhausted(error)) throw error;
      const moved = await setAside(this.#path);
      const problem = messageOf(error);
      this.#onDamaged({ path: this.#path, problem: moved ? problem : `${problem}; it cannot be moved` });
      return null;
    }
  }

  async save(order: DrainOrder | null): Promise<void> {
    const text = order === null ? undefined : `${JSON.stringify({ version: VERSION, ...order })}\n`;
    await changeFile(this.#path, text, () => this.#held, { write: this.#write, restore: this.#write });
    this.#held = text;
  }
}
