// One after the other, in the order in which they were asked for: for what two at once would do to each other.

export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it have ended, however they did. Rejects with what it throws. Not to be entered from within. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/** The same for each key by itself; a key that nobody waits for is forgotten. */
export class SerialByKey {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const settled: Promise<unknown> = mine
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return mine;
  }

  /** Keys that somebody waits for. */
  get size(): number {
    return this.#last.size;
  }
}
