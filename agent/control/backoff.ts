// How long to wait before dialling again: 250 ms to 2 min, x1.5, with jitter so that the nodes a scheduler lost at one
// moment do not come back at one moment.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** Part of the delay that is random: 0.2 gives 80-120 %. */
  readonly jitter: number;
  /** A connection that lived this long was a good one: start over. */
  readonly stableMs: number;
}

export const BACKOFF: BackoffOptions = { firstMs: 250, maxMs: 120_000, factor: 1.5, jitter: 0.2, stableMs: 60_000 };

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempt = 0;

  /** `random` yields [0, 1). */
  constructor(options: BackoffOptions = BACKOFF, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** The next delay, after a connection that lived `livedMs` (0: it was never open). */
  next(livedMs: number): number {
    const { firstMs, maxMs, factor, jitter, stableMs } = this.#options;
    if (livedMs >= stableMs) this.#attempt = 0;
    const delay = Math.min(maxMs, firstMs * factor ** this.#attempt);
    if (delay < maxMs) this.#attempt++;
    return Math.round(delay * (1 - jitter + 2 * jitter * this.#random()));
  }
}
