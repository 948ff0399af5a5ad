// One after the other, in the order in which they were asked for: for what two at once would do to each other.

export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it have ended, however they did. Rejects with what it throws. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
