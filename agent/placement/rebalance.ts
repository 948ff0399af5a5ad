// Brings what is written to what should be: only what differs, in slices, those first that have to leave cpus. There is
// one pass at a time; what changes during a pass is in it, and what failed is tried again later, not at once.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Value } from '../../cgroups/types.js';
import { messageOf } from '../../linux/errors.js';
import type { Log } from '../base/log.js';

/** Where values are written; rejects when they could not be. */
export interface LayerPort {
  set(id: string, layer: 'placement', values: readonly Value[]): Promise<unknown>;
}

export interface RebalanceOptions {
  readonly log: Pick<Log, 'warn'>;
  /** Called after the values of a workload were written. */
  readonly written?: (id: string) => void;
  /** Writes between two turns of the main loop. Each moves every thread of the workload that is on another cpu. */
  readonly slice?: number;
  /** Resolves after `ms`, and early when aborted. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface WriteFailure {
  readonly id: string;
  /** In a sentence, as the kernel or the port gave it. */
  readonly reason: string;
  readonly attempts: number;
}

/** What should be, and whether cpus are given up in going from one list to another. */
export interface Target {
  valuesOf(id: string): readonly Value[];
  /** Depends on the first value of each alone. */
  leaves(from: readonly Value[], to: readonly Value[]): boolean;
}

const SLICE = 8;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
const UNTOUCHED: readonly Value[] = [];

export class Rebalance {
  readonly #port: LayerPort;
  readonly #target: Target;
  readonly #options: RebalanceOptions;
  readonly #written = new Map<string, readonly Value[]>();
  readonly #present = new Set<string>();
  readonly #failures = new Map<string, WriteFailure>();
  readonly #closing = new AbortController();
  #pass: Promise<void> | undefined;
  #again: Promise<void> | undefined;
  #delayed: Promise<void> | undefined;
  #retry: Promise<void> | undefined;

  constructor(port: LayerPort, target: Target, options: RebalanceOptions) {
    this.#port = port;
    this.#target = target;
    this.#options = options;
  }

  /** From now on it has a cgroup; `values` are known to be written there. */
  enter(id: string, values: readonly Value[] = UNTOUCHED): void {
    this.#present.add(id);
    if (!this.#written.has(id)) this.#written.set(id, values);
  }

  leave(id: string): void {
    this.#present.delete(id);
    this.#written.delete(id);
    this.#failures.delete(id);
  }

  /** What is in the cgroup of `id` as far as it is known. */
  written(id: string): readonly Value[] {
    return this.#written.get(id) ?? UNTOUCHED;
  }

  has(id: string): boolean {
    return this.#present.has(id);
  }

  failures(): readonly WriteFailure[] {
    return [...this.#failures.values()];
  }

  /** Resolves when every write that is due now was tried. Never rejects. */
  run(): Promise<void> {
    if (this.#pass === undefined) {
      this.#pass = this.#work().finally(() => {
        this.#pass = undefined;
      });
      return this.#pass;
    }
    // One that is under way may have passed over what the caller means.
    this.#again ??= this.#pass.then(() => {
      this.#again = undefined;
      return this.run();
    });
    return this.#again;
  }

  /** A run after `ms`; several calls before are one. */
  runLater(ms: number): void {
    this.#delayed ??= this.#wait(ms).then(() => {
      this.#delayed = undefined;
      return this.run();
    });
  }

  /** Ends waiting; resolves when no write is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#pass, this.#again, this.#delayed, this.#retry]);
  }

  async #work(): Promise<void> {
    const tried = new Set<string>();
    while (!this.#closing.signal.aborted) {
      const due = this.#due(tried);
      if (due.length === 0) break;
      for (const { id } of due) tried.add(id);
      await Promise.all(due.map(({ id, values }) => this.#write(id, values, tried)));
      await nextTurn();
    }
    this.#retryLater();
  }

  /** A slice of those that leave cpus, or, when there are none, of all others. */
  #due(failed: ReadonlySet<string>): { id: string; values: readonly Value[] }[] {
    const slice = this.#options.slice ?? SLICE;
    const first: { id: string; values: readonly Value[] }[] = [];
    const then: typeof first = [];
    const known = new Map<string, boolean>();
    const leaves = (from: readonly Value[], to: readonly Value[]): boolean => {
      const key = `${from[0]?.value}>${to[0]?.value}`;
      const answer = known.get(key) ?? this.#target.leaves(from, to);
      known.set(key, answer);
      return answer;
    };
    for (const id of this.#present) {
      if (first.length >= slice) break;
      const values = this.#target.valuesOf(id);
      const now = this.written(id);
      if (failed.has(id) || isSame(now, values)) continue;
      (leaves(now, values) ? first : then).push({ id, values });
    }
    return (first.length > 0 ? first : then).slice(0, slice);
  }

  async #write(id: string, values: readonly Value[], failed: Set<string>): Promise<void> {
    try {
      await this.#port.set(id, 'placement', values);
      this.#failures.delete(id);
      if (!this.#present.has(id)) return;
      this.#written.set(id, values);
      // May become due again within this pass, when the target has changed meanwhile.
      failed.delete(id);
      this.#options.written?.(id);
    } catch (error) {
      if (!this.#present.has(id)) return;
      const reason = messageOf(error);
      const attempts = (this.#failures.get(id)?.attempts ?? 0) + 1;
      this.#failures.set(id, { id, reason, attempts });
      this.#options.log.warn({ workload: id, error: reason, attempts }, 'the cpus of a workload could not be set');
    }
  }

  #retryLater(): void {
    if (this.#failures.size === 0 || this.#closing.signal.aborted) return;
    const attempts = Math.min(...[...this.#failures.values()].map((failure) => failure.attempts));
    this.#retry ??= this.#wait(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(attempts - 1, 16))).then(() => {
      this.#retry = undefined;
      return this.run();
    });
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#closing;
    const wait = this.#options.wait ?? ((time, abort) => sleep(time, undefined, { signal: abort, ref: false }));
    await wait(ms, signal).catch(() => undefined);
  }
}

function isSame(a: readonly Value[], b: readonly Value[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(({ file, value }, at) => file === b[at]?.file && value === b[at]?.value);
}
