// What the agent does each minute, every piece by itself: its own timer, deadline, counter and condition. One that fails or
// hangs holds up no other. Time is that of the clock that only goes forward: setting the one on the wall stops nothing.
import { setMaxListeners } from 'node:events';
import { abortWith } from '../../linux/signals.js';
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { ChoreFigures, ChoreResult } from '../metrics/families/housekeeping.js';
import type { Condition } from '../model/condition.js';
import type { Conditions } from './conditions.js';

/** Aborted when the deadline is over, or the agent ends. */
export type Work = (signal: AbortSignal) => Promise<unknown> | unknown;

export interface Chore {
  /** One word: a label of metrics, and a part of the code of its condition. */
  readonly name: string;
  /** What it does, as a sentence goes on after "berth does not ". */
  readonly does: string;
  readonly work: Work;
  /** The start does not wait for its first run. */
  readonly background?: boolean;
}

export interface ChoresOptions {
  readonly conditions: Pick<Conditions, 'add'>;
  readonly log: Log;
  readonly everyMs?: number;
  readonly deadlineMs?: number;
  /** Milliseconds that only rise. */
  readonly now?: () => number;
}

interface State {
  readonly chore: Chore;
  readonly runs: Record<ChoreResult, number>;
  /** Why it does not go; undefined: the last run went well. */
  problem: string | undefined;
  wellAt: number;
  running: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Of the run that is under way. */
  deadline: NodeJS.Timeout | undefined;
}

const EVERY_MS = 60_000;
const DEADLINE_MS = 50_000;
/** So many rounds without success are a problem, whatever the reason. */
const STALE_ROUNDS = 3;

export class Chores {
  readonly #options: Required<Omit<ChoresOptions, 'conditions'>>;
  readonly #states: State[] = [];
  readonly #closing = new AbortController();

  constructor({ conditions, log, ...times }: ChoresOptions) {
    const defaults = { everyMs: EVERY_MS, deadlineMs: DEADLINE_MS, now: () => performance.now() };
    this.#options = { ...defaults, ...times, log };
    // As many as there are chores follow it.
    setMaxListeners(0, this.#closing.signal);
    conditions.add(() => this.#conditions());
  }

  add(chore: Chore): void {
    const runs = { ok: 0, failed: 0, late: 0 };
    const wellAt = this.#options.now();
    this.#states.push({
      chore,
      runs,
      wellAt,
      problem: undefined,
      running: undefined,
      timer: undefined,
      deadline: undefined,
    });
  }

  /** All of them once, one after the other but for those in the background, and then each by itself. Never rejects. */
  async start(): Promise<void> {
    for (const state of this.#states) {
      const run = this.#run(state);
      if (state.chore.background !== true) await run;
    }
    for (const state of this.#states) this.#schedule(state);
  }

  /** No further run begins, and what runs is told to end. */
  close(): void {
    this.#closing.abort();
    // Who ends does not wait for the deadline of what hangs.
    for (const { timer, deadline } of this.#states) {
      clearInterval(timer);
      clearTimeout(deadline);
    }
  }

  figures(): readonly ChoreFigures[] {
    const now = this.#options.now();
    return this.#states.map(({ chore, runs, wellAt }) => {
      return { name: chore.name, runs: { ...runs }, ageSeconds: Math.max(0, now - wellAt) / 1000 };
    });
  }

  #schedule(state: State): void {
    if (this.#closing.signal.aborted) return;
    state.timer = setInterval(() => void this.#run(state), this.#options.everyMs);
  }

  /** Resolves at its deadline at the latest. One that still runs then is not begun again before it has ended. */
  async #run(state: State): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (state.running !== undefined) {
      state.runs.late += 1;
      return;
    }
    const { deadlineMs, log } = this.#options;
    const over = new AbortController();
    const letGo = abortWith(over, this.#closing.signal);
    await new Promise<void>((resolve) => {
      const late = (): void => {
        state.problem = `no end after ${deadlineMs / 1000} s`;
        state.runs.late += 1;
        log.warn({ chore: state.chore.name, deadlineMs }, 'housekeeping is late');
        over.abort();
        resolve();
      };
      state.deadline = setTimeout(late, deadlineMs);
      state.running = this.#work(state, over.signal).finally(() => {
        clearTimeout(state.deadline);
        letGo();
        over.abort();
        state.running = undefined;
        resolve();
      });
    });
  }

  async #work(state: State, signal: AbortSignal): Promise<void> {
    const { log, now } = this.#options;
    const { name, work } = state.chore;
    try {
      await work(signal);
      state.runs.ok += 1;
      state.problem = undefined;
      state.wellAt = now();
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      state.runs.failed += 1;
      state.problem = reportOf(error).message;
      log.warn({ chore: name, err: error }, 'housekeeping failed');
    }
  }

  #conditions(): readonly Condition[] {
    const { everyMs, now } = this.#options;
    return this.#states.flatMap(({ chore, problem, wellAt }) => {
      const age = now() - wellAt;
      const why = problem ?? (age > STALE_ROUNDS * everyMs ? 'it is not run' : undefined);
      if (why === undefined) return [];
      return [
        {
          ...{ code: `housekeeping_${chore.name}`, severity: 'warning' },
          title: `berth does not ${chore.does}`,
          why: `${why}; last done ${Math.round(age / 1000)} s ago`,
          fix: 'berth tries again each minute; `journalctl -u berth` has the cause.',
        },
      ];
    });
  }
}
