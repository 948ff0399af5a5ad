// When an actor looks again by itself: at a moment that it knows, or with a growing pause after what did not work.
import { after, type Timer } from '../../linux/timers.js';

const RETRY_MS = { first: 500, most: 30_000 } as const;

export class Later {
  readonly #wake: () => void;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Something failed, and nothing has worked since. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Instead of any moment before. */
  in(ms: number): void {
    this.#timer?.cancel();
    this.#timer = after(ms, this.#wake);
  }

  failed(): void {
    this.in(Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(this.#failures, 10)));
    this.#failures += 1;
  }

  worked(): void {
    this.#failures = 0;
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
