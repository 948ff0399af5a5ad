// Removals share the wait for RCU. The first goes at once; those that come while it waits go together in the next
// batch. Creates that were asked for meanwhile are in the worker's queue before that batch.

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeError, type PatientRemoval, type RemovedData } from './protocol.js';
import { IDLE_REMOVAL_BATCH, REMOVAL_BATCH } from './removal.js';
import type { LinkStats, Removal } from './types.js';

/** How often and after which pause a slot is looked at again that still has sockets of a process that is gone. */
const PATIENCE = 5;
const PAUSE_MS = 30;

type SendBatch = (batch: readonly PatientRemoval[]) => Promise<readonly RemovedData[]>;

interface Waiting {
  readonly removal: PatientRemoval;
  readonly resolve: (removed: Outcome | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** `recycled`: the sandbox became a free slot, and these are its counters. `unfit`: why it should have but did not. */
export interface Outcome {
  readonly recycled?: LinkStats;
  readonly unfit?: Error;
}

export class RemovalQueue {
  readonly #send: SendBatch;
  readonly #busy: () => boolean;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  /** `busy`: whether somebody else waits for the worker. */
  constructor(send: SendBatch, busy: () => boolean) {
    this.#send = send;
    this.#busy = busy;
  }

  async add(removal: Removal): Promise<Outcome> {
    for (let patience = PATIENCE; ; patience--) {
      const outcome = await this.#ask({ ...removal, patient: patience > 0 });
      if (outcome !== undefined) return outcome;
      await sleep(PAUSE_MS);
    }
  }

  async drained(): Promise<void> {
    await this.#running;
  }

  /** Undefined: to be asked again. */
  #ask(removal: PatientRemoval): Promise<Outcome | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ removal, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // Removals asked for in the same turn belong together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const size = this.#busy() ? REMOVAL_BATCH : IDLE_REMOVAL_BATCH;
      await this.#sendNext(this.#waiting.splice(0, size));
    }
    this.#running = undefined;
  }

  async #sendNext(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#send(batch.map(({ removal }) => removal));
      batch.forEach(({ resolve, reject }, position) => {
        const { error, recycled, unfit, again } = results[position] ?? {};
        if (again) resolve(undefined);
        else if (error !== undefined) reject(decodeError(error));
        else if (recycled !== undefined) resolve({ recycled });
        else resolve(unfit === undefined ? {} : { unfit: decodeError(unfit) });
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
