// What merging of equal pages saves, by workload and on the host. ksmd goes through memory slowly, so that a reading every 15 s
// is as good as one at every sample; and a file of a process is read beside the main loop, because it may wait for that
// process's memory map.
import { readGeneralProfit, sumKsm } from '../../linux/ksm.js';

export interface KsmSource {
  /** Those that have asked for it and have processes. */
  asked(): readonly { readonly id: string; readonly pids: () => readonly number[] }[];
  onError(error: unknown, id: string | undefined): void;
}

const EVERY_MS = 15_000;

export class KsmSavings {
  readonly #source: KsmSource;
  readonly #read: { readonly sum: typeof sumKsm; readonly host: typeof readGeneralProfit };
  #profits: ReadonlyMap<string, number> = new Map();
  #host: number | undefined;
  #due = 0;
  #reading: Promise<void> | undefined;
  #stopped = false;

  constructor(source: KsmSource, read = { sum: sumKsm, host: readGeneralProfit }) {
    this.#source = source;
    this.#read = read;
  }

  /** Begins a reading when one is due and none is under way. `now`: milliseconds, only rising. */
  look(now: number): void {
    if (this.#stopped || this.#reading !== undefined || now < this.#due) return;
    this.#due = now + EVERY_MS;
    this.#reading = this.#all().finally(() => {
      this.#reading = undefined;
    });
  }

  /** Bytes, negative when the bookkeeping takes more than is saved; undefined: not asked for, or not read yet. */
  profit(id: string): number | undefined {
    return this.#profits.get(id);
  }

  /** Bytes, of everything on the host. */
  host(): number | undefined {
    return this.#host;
  }

  /** Resolves when no reading is under way. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.settled();
  }

  async #all(): Promise<void> {
    const profits = new Map<string, number>();
    for (const { id, pids } of this.#source.asked()) {
      if (this.#stopped) return;
      const sum = await this.#attempt(id, () => this.#read.sum(pids()));
      if (sum !== undefined) profits.set(id, sum.profit);
    }
    this.#host = await this.#attempt(undefined, () => this.#read.host());
    this.#profits = profits;
  }

  /** One that cannot be read must not keep the others from it. */
  async #attempt<T>(id: string | undefined, body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body();
    } catch (error) {
      this.#source.onError(error, id);
      return undefined;
    }
  }
}
