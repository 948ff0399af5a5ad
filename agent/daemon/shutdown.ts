// The way out: a list of steps that all together take a bounded time, whatever one of them waits for. A service manager
// that has to kill the agent would cut the event log and everything else that comes last.
import { orLate } from '../../linux/timers.js';
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';

/** For everything before the event log is closed, and for one step of it at most. */
const ALL_MS = 3500;
const ONE_MS = 2500;
/** What a step gets when the time is over: enough for one that only has to say stop. */
const LEAST_MS = 100;
const LATE = Symbol('late');

export interface ShutdownOptions {
  readonly log: Pick<Log, 'warn'>;
  /** Milliseconds of all steps together, and of one. */
  readonly allMs?: number;
  readonly oneMs?: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now?: () => number;
}

export class Shutdown {
  readonly #log: Pick<Log, 'warn'>;
  readonly #oneMs: number;
  readonly #now: () => number;
  readonly #end: number;

  /** The time runs from here on. */
  constructor({ log, allMs = ALL_MS, oneMs = ONE_MS, now = () => performance.now() }: ShutdownOptions) {
    this.#log = log;
    this.#oneMs = oneMs;
    this.#now = now;
    this.#end = now() + allMs;
  }

  /** Waits for `work` as long as there is time, then goes on without it. A step that fails is logged. Never throws. */
  async step(name: string, work: () => Promise<unknown> | undefined): Promise<void> {
    const ms = Math.max(LEAST_MS, Math.min(this.#oneMs, this.#end - this.#now()));
    try {
      const result = await orLate(Promise.resolve(work()), ms, LATE);
      if (result === LATE) this.#log.warn({ step: name, ms: Math.round(ms) }, 'shutdown step cut at its deadline');
    } catch (error) {
      this.#log.warn({ step: name, err: error, code: reportOf(error).code }, 'shutdown step failed');
    }
  }
}
