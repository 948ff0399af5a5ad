// Whether a moment of the calendar has come since the last look. It is asked for in steps of the clock that only goes forward,
// so that a clock on the wall that is set, by hours or years and either way, neither stops nor repeats what is due.
import { cronOf } from '../base/cron.js';

/** Further back nothing is made up for. */
const MOST_MS = 24 * 3_600_000;

export interface CalendarClocks {
  readonly wall: () => number;
  /** Milliseconds that only rise. */
  readonly steady: () => number;
}

const CLOCKS: CalendarClocks = { wall: () => Date.now(), steady: () => performance.now() };

export class Calendar {
  readonly #cron: ReturnType<typeof cronOf>;
  readonly #clocks: CalendarClocks;
  #last: { readonly wall: number; readonly steady: number } | undefined;

  /** `expression`: of cron. Throws an Error for what is none. */
  constructor(expression: string, clocks = CLOCKS, timezone = Intl.DateTimeFormat().resolvedOptions().timeZone) {
    this.#cron = cronOf(expression, timezone);
    this.#clocks = clocks;
  }

  /** True at the first look, and whenever the expression has begun since the look before. */
  due(): boolean {
    const now = { wall: this.#clocks.wall(), steady: this.#clocks.steady() };
    const before = this.#last;
    this.#last = now;
    if (before === undefined) return true;
    const passed = now.wall - (now.steady - before.steady);
    const from = Math.max(Math.min(before.wall, passed), now.wall - MOST_MS);
    return this.#cron.last(from, now.wall) !== undefined;
  }
}
