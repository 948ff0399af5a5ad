// What merging of equal pages saves, by workload and on the host. ksmd goes through memory slowly, so that a reading every 15 s
// is as good as one at every sample, and of very many processes a rarer one: a third of a millisecond each adds up. A file of
// a process is read beside the main loop, because it may wait for that process's memory map.
import { readGeneralProfit, sumKsm } from '../../linux/ksm.js';

export interface KsmSource {
  /** Those that have asked for it and have processes. */
  asked(): readonly { readonly id: string; readonly pids: () => readonly number[] }[];
  onError(error: unknown, id: string | undefined): void;
}

const EVERY_MS = 15_000;
/** Pause after a reading, in times what it took: never more than a hundredth of a core. */
const PAUSE = 100;

export interface KsmFiles {
  readonly sum: typeof sumKsm;
  readonly host: typeof readGeneralProfit;
  /** Milliseconds, only rising. */
  readonly now: () => number;
}

export class KsmSavings {
  readonly #source: KsmSource;
  readonly #files: KsmFiles;
  #profits: ReadonlyMap<string, number> = new Map();
  #host: number | undefined;
  #due = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #stopped = false;

  constructor(source: KsmSource, files?: KsmFiles) {
    this.#source = source;
    this.#files = files ?? { sum: sumKsm, host: readGeneralProfit, now: () => performance.now() };
  }

  /** Begins a reading when one is due and none is under way. */
  look(): void {
    const { now } = this.#files;
    const began = now();
    if (this.#stopped || this.#reading !== undefined || began < this.#due) return;
    this.#reading = this.#all().finally(() => {
      this.#reading = undefined;
      this.#due = Math.max(began + EVERY_MS, now() + PAUSE * (now() - began));
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
      const sum = await this.#attempt(id, () => this.#files.sum(pids()));
      if (sum !== undefined) profits.set(id, sum.profit);
    }
    this.#host = await this.#attempt(undefined, () => this.#files.host());
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
