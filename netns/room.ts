// The room itself: a face for the worker that never blocks the caller's thread.
import { Worker } from 'node:worker_threads';
import { decodeError, type ErrorData } from './protocol.js';
import { REMOVAL_BATCH } from './removal.js';
import type { NetworkRoom, Removal } from './types.js';
import { WorkerClient } from './worker-client.js';

export interface NetworkRoomOptions {
  /** Where the worker's code lies; by default `worker.js` beside this module or bundle. */
  readonly workerUrl?: URL;
  /** Told of each death of the worker thread; the room starts a new one for the next call. */
  readonly onCrash?: (error: Error) => void;
}

/** Opens the room and starts its worker thread, which keeps the process alive until `close`. */
export function openNetworkRoom(options: NetworkRoomOptions = {}): NetworkRoom {
  const client = new WorkerClient({
    start: () =>
      options.workerUrl === undefined
        ? new Worker(new URL('./worker.js', import.meta.url))
        : new Worker(options.workerUrl),
    onCrash: options.onCrash ?? (() => {}),
  });
  const removals = new RemovalQueue(async (batch) => await client.call({ method: 'remove', removals: batch }));
  return {
    setup: async (settings) => client.call({ method: 'setup', settings }),
    teardown: async (settings) => client.call({ method: 'teardown', settings }),
    create: async (network) => client.call({ method: 'create', network }),
    createIsolated: async (netns) => client.call({ method: 'createIsolated', netns }),
    remove: async (removal) => removals.add(removal),
    list: async (prefixes) => client.call({ method: 'list', prefixes }),
    stats: async (linkPrefix) => client.call({ method: 'stats', linkPrefix }),
    close: async () => {
      await removals.drained();
      await client.close();
    },
  };
}

type SendBatch = (batch: readonly Removal[]) => Promise<readonly (ErrorData | undefined)[]>;

interface Waiting {
  readonly removal: Removal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

// The first removal goes at once; those that come while it waits for RCU go together in the next batch. Creates that
// were asked for meanwhile are in the worker's queue before that batch.
class RemovalQueue {
  readonly #send: SendBatch;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(send: SendBatch) {
    this.#send = send;
  }

  add(removal: Removal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ removal, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async drained(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Removals asked for in the same turn belong together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#sendNext(this.#waiting.splice(0, REMOVAL_BATCH));
    this.#running = undefined;
  }

  async #sendNext(batch: readonly Waiting[]): Promise<void> {
    try {
      const errors = await this.#send(batch.map(({ removal }) => removal));
      batch.forEach(({ resolve, reject }, position) => {
        const error = errors[position];
        if (error === undefined) resolve();
        else reject(decodeError(error));
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
