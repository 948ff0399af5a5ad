// Signals of a command that follows a workload.
import type { Client } from './command.js';

/** What Ctrl-C does: the first stops the workload, the second leaves it. Detached, the first leaves it. */
export class Stopper {
  readonly #client: Client;
  readonly #leaves = new AbortController();
  readonly #atOnce: boolean;
  #asked = false;
  #left = false;
  #id: string | undefined;

  constructor(client: Client, atOnce: boolean) {
    this.#client = client;
    this.#atOnce = atOnce;
  }

  /** Aborts when nothing is waited for any more. */
  get gone(): AbortSignal {
    return this.#leaves.signal;
  }

  /** By a signal, not by a failure. */
  get left(): boolean {
    return this.#left;
  }

  signal(): void {
    if (this.#asked || this.#atOnce) {
      this.#left = true;
      this.#leaves.abort();
      return;
    }
    this.#asked = true;
    this.#stop();
  }

  /** From now on there is something to be stopped. */
  created(id: string): void {
    this.#id = id;
    if (this.#asked) this.#stop();
  }

  #stop(): void {
    if (this.#id === undefined) return;
    this.#client.call('workload.stop', { id: this.#id }).catch((error: unknown) => this.#leaves.abort(error));
  }
}
