import type { ExitedChild } from '../../linux/wait.js';

export interface EndedOrphan extends ExitedChild {
  /** Clock ticks since boot: the clock on the wall may be set while a runtime starts. */
  readonly at: number;
}

/**
 * The last exits of processes nobody asked for: a subreaper inherits every orphan below it. A workload started through a
 * runtime is such an orphan, and may end before the runtime that left its pid has been noticed.
 */
export class Orphans {
  readonly #max: number;
  readonly #ended = new Map<number, EndedOrphan>();

  constructor(max = 1024) {
    this.#max = max;
  }

  add(child: ExitedChild, at: number): void {
    this.#ended.delete(child.pid);
    this.#ended.set(child.pid, { ...child, at });
    const oldest = this.#ended.keys().next();
    if (this.#ended.size > this.#max && !oldest.done) this.#ended.delete(oldest.value);
  }

  /** The exit of `pid`, if it was not before `since` (then it was another process with the same pid). */
  take(pid: number, since: number): EndedOrphan | undefined {
    const found = this.#ended.get(pid);
    if (found === undefined || found.at < since) return undefined;
    this.#ended.delete(pid);
    return found;
  }
}
