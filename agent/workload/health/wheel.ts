// One timer for any number of moments. Each is in one of the slots of a wheel that turns by one slot a tick: what is far away stays
// for more turns, and a tick looks only at its own slot. Without moments no timer runs.
import { after, type Timer } from '../../../linux/timers.js';

const SLOTS = 512;
const TICK_MS = 100;

interface Moment {
  readonly run: () => void;
  slot: number;
  /** Whole turns to come before it is due. */
  turns: number;
}

/** When to run something: given back to call it off. */
export type Handle = Moment;

export interface WheelClock {
  /** Milliseconds, by a clock that nobody sets. */
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => Pick<Timer, 'cancel'>;
}

const MONOTONIC: WheelClock = {
  now: () => performance.now(),
  after: (ms, run) => after(ms, run).unref(),
};

export class Wheel {
  readonly #clock: WheelClock;
  readonly #slots = Array.from({ length: SLOTS }, () => new Set<Moment>());
  #size = 0;
  #at = 0;
  /** When the slot at `#at` was looked at. */
  #since = 0;
  #timer: Pick<Timer, 'cancel'> | undefined;

  constructor(clock: WheelClock = MONOTONIC) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Runs `run` once, in `ms` at the earliest and a tick later at the latest. */
  in(ms: number, run: () => void): Handle {
    if (this.#timer === undefined) {
      this.#since = this.#clock.now();
      this.#tickLater();
    }
    // From the last tick, which may be as good as a whole tick ago.
    const ticks = Math.max(1, Math.ceil((Math.max(0, ms) + this.#clock.now() - this.#since) / TICK_MS));
    const moment = { run, slot: (this.#at + ticks) % SLOTS, turns: Math.floor((ticks - 1) / SLOTS) };
    this.#slots[moment.slot]?.add(moment);
    this.#size += 1;
    return moment;
  }

  /** Does nothing for one that has run. */
  cancel(moment: Handle): void {
    if (this.#slots[moment.slot]?.delete(moment) === true) this.#size -= 1;
    if (this.#size === 0) this.#rest();
  }

  close(): void {
    for (const slot of this.#slots) slot.clear();
    this.#size = 0;
    this.#rest();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tickLater(): void {
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const due: Moment[] = [];
    // A main loop that was busy has ticks to make up for; after a suspend one whole turn does.
    const ticks = Math.min(SLOTS, Math.floor((this.#clock.now() - this.#since) / TICK_MS));
    for (let tick = 0; tick < ticks; tick++) {
      this.#at = (this.#at + 1) % SLOTS;
      for (const moment of this.#slots[this.#at] ?? [])
        if (moment.turns > 0) moment.turns -= 1;
        else {
          this.#slots[this.#at]?.delete(moment);
          due.push(moment);
        }
    }
    this.#since += ticks * TICK_MS;
    if (ticks === SLOTS) this.#since = this.#clock.now();
    this.#size -= due.length;
    if (this.#size > 0) this.#tickLater();
    else this.#timer = undefined;
    for (const { run } of due) run();
  }
}
