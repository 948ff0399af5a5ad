import { closeDescriptor } from '../../linux/fd.js';
import { endedPidfds, openPidfd } from '../../linux/pidfd.js';
import { readStat } from '../../linux/proc.js';

interface Watched {
  readonly pidfd: number;
  readonly onEnd: () => void;
}

/**
 * Notices the end of processes that are not this one's children (those a former supervisor started). Polls once a second:
 * their exit status is lost in any case, and Node can wait on a pidfd only by a thread of its own.
 */
export class Watch {
  readonly #watched = new Map<number, Watched>();
  readonly #beforePoll: () => void;
  readonly #periodMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(beforePoll: () => void, periodMs = 1000) {
    this.#beforePoll = beforePoll;
    this.#periodMs = periodMs;
  }

  /** False, and nothing is watched, when the process has ended. `onEnd` is called once. */
  add(pid: number, startTime: number, onEnd: () => void): boolean {
    const pidfd = openPidfd(pid);
    if (pidfd === undefined) return false;
    // Checked after the open: until then the pid could have been given to another process.
    let same = false;
    try {
      same = readStat(pid)?.startTime === startTime;
    } finally {
      if (!same) closeDescriptor(pidfd);
    }
    if (!same) return false;
    this.#watched.set(pid, { pidfd, onEnd });
    this.#timer ??= setInterval(() => this.#poll(), this.#periodMs);
    return true;
  }

  remove(pid: number): void {
    const watched = this.#watched.get(pid);
    if (watched === undefined) return;
    this.#watched.delete(pid);
    closeDescriptor(watched.pidfd);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #poll(): void {
    this.#beforePoll();
    const ended = new Set(endedPidfds([...this.#watched.values()].map((watched) => watched.pidfd)));
    for (const [pid, { pidfd, onEnd }] of [...this.#watched]) {
      if (!ended.has(pidfd)) continue;
      this.remove(pid);
      onEnd();
    }
  }
}
