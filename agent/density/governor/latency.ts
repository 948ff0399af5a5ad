// Whether things take longer than they usually do. A single late one says nothing: the median of some does.

/** Fewer than this are kept until there are enough, but not for longer than `KEPT_MS`. */
const ENOUGH = 3;
const KEPT_MS = 10_000;
const MOST = 1024;
/** A start of 5 ms that takes 25 ms is no sign of trouble. */
const LEAST_USUAL_MS = 50;
/** How fast the usual follows what is seen; slowly under pressure, so that a storm does not become the usual. */
const FOLLOW = { calm: 0.05, pressed: 0.005 };

export class Recent {
  #samples: { at: number; value: number }[] = [];

  add(value: number, at: number): void {
    if (this.#samples.length < MOST) this.#samples.push({ at, value });
  }

  /** Median of what was added since the last answer; undefined when that is too little to go by. */
  median(now: number): number | undefined {
    this.#samples = this.#samples.filter(({ at }) => now - at <= KEPT_MS);
    if (this.#samples.length < ENOUGH) return undefined;
    const sorted = this.#samples.map(({ value }) => value).sort((a, b) => a - b);
    this.#samples = [];
    return sorted[Math.floor(sorted.length / 2)];
  }
}

/** The usual duration of starts, by shape. */
export class Usual {
  readonly #ms = new Map<string, number>();

  /** How many times longer than usual `ms` is. */
  factor(shape: string, ms: number): number {
    return ms / Math.max(LEAST_USUAL_MS, this.#ms.get(shape) ?? ms);
  }

  learn(shape: string, ms: number, calm: boolean): void {
    const usual = this.#ms.get(shape) ?? ms;
    this.#ms.set(shape, usual + (ms - usual) * (calm ? FOLLOW.calm : FOLLOW.pressed));
  }
}
