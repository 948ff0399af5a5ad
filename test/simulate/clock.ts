// A clock that stands still until it is told to go on; then everything due happens, in order, promises included.

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class FakeClock {
  readonly #heap: Timer[] = [];
  #now = 0;
  #order = 0;

  now = (): number => this.#now;

  setTimer = (ms: number, run: () => void): (() => void) => {
    let off = false;
    this.#push({ at: this.#now + Math.max(0, ms), order: this.#order++, run: () => (off ? undefined : run()) });
    return () => {
      off = true;
    };
  };

  /** Everything up to `until`, ms; what promises set off included. */
  async runUntil(until: number): Promise<void> {
    await settle();
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      this.#now = next.at;
      next.run();
      await settle();
    }
    this.#now = Math.max(this.#now, until);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const child = left !== undefined && right !== undefined && before(right, left) ? 2 * at + 2 : 2 * at + 1;
      const below = heap[child];
      if (below === undefined || !before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Lets promises that are settled already run their handlers, and those of the handlers. */
async function settle(): Promise<void> {
  for (let round = 0; round < 8; round++) await Promise.resolve();
}
