// Virtual machines that do nothing are put to disk (idle.suspendAfter). Idle is less than BUSY_CORES of one core, and fewer packets
// than BUSY_PACKETS a second, from one sample to the next: a guest's own clock and an announcement to its neighbours are no use.
import type { ErrorReport } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';

/** What a guest has used so far. */
export interface GuestUse {
  /** Milliseconds that only rise. */
  readonly at: number;
  readonly cpuUsec: number;
  /** Received and sent. */
  readonly packets: number;
  /** Unix ms: another start is another guest. */
  readonly startedAt: number;
}

export interface Watched {
  readonly id: string;
  readonly suspendAfterMs: number;
  /** Undefined: not known yet, or it is being saved. */
  readonly use: GuestUse | undefined;
}

export interface IdlingPorts {
  /** What runs and is to be suspended when it is idle. */
  watched(): Iterable<Watched>;
  /** Resolves when it is on disk. */
  suspend(id: string, idleMs: number): Promise<unknown>;
  /** It goes on, and is tried again in `nextMs` at the earliest. */
  failed(id: string, error: ErrorReport, nextMs: number): void;
}

const BUSY_CORES = 0.05;
const BUSY_PACKETS = 1;
/** At the same time: each writes the memory of a guest to disk. */
const MOST_SAVES = 2;
/** After the first failure; each one more doubles it. A guest stands still while it is being saved. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

interface Known {
  use: GuestUse;
  busyAt: number;
  failures: number;
  /** Of the clock of its use. */
  notBefore: number;
}

export class Idling {
  readonly #ports: IdlingPorts;
  readonly #known = new Map<string, Known>();
  readonly #saving = new Set<string>();

  constructor(ports: IdlingPorts) {
    this.#ports = ports;
  }

  /** After each round of samples. What is idle the longest is put to disk first. */
  look(): void {
    const seen = new Set<string>();
    const idle: { readonly id: string; readonly known: Known; readonly ms: number }[] = [];
    for (const { id, suspendAfterMs, use } of this.#ports.watched()) {
      seen.add(id);
      if (use === undefined) continue;
      const known = this.#see(id, use);
      const ms = use.at - known.busyAt;
      if (!this.#saving.has(id) && ms >= suspendAfterMs && use.at >= known.notBefore) idle.push({ id, known, ms });
    }
    for (const id of this.#known.keys()) if (!seen.has(id) && !this.#saving.has(id)) this.#known.delete(id);
    for (const { id, known, ms } of idle.sort((a, b) => b.ms - a.ms).slice(0, MOST_SAVES - this.#saving.size))
      void this.#suspend(id, known, ms);
  }

  #see(id: string, use: GuestUse): Known {
    const known = this.#known.get(id);
    // It has come back, from its disk or from the beginning.
    if (known === undefined || known.use.startedAt !== use.startedAt) {
      const fresh = { use, busyAt: use.at, failures: 0, notBefore: 0 };
      this.#known.set(id, fresh);
      return fresh;
    }
    if (isBusy(known.use, use)) known.busyAt = use.at;
    known.use = use;
    return known;
  }

  async #suspend(id: string, known: Known, idleMs: number): Promise<void> {
    this.#saving.add(id);
    try {
      await this.#ports.suspend(id, idleMs);
      this.#known.delete(id);
    } catch (error) {
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** known.failures, LONGEST_PAUSE_MS);
      known.failures += 1;
      known.notBefore = known.use.at + pause;
      this.#ports.failed(id, reportOf(error), pause);
    } finally {
      this.#saving.delete(id);
    }
  }
}

/** Counters that were begun anew are use: nobody knows how much. */
function isBusy(from: GuestUse, to: GuestUse): boolean {
  const seconds = (to.at - from.at) / 1000;
  if (seconds <= 0) return false;
  const cores = (to.cpuUsec - from.cpuUsec) / 1e6 / seconds;
  const packets = (to.packets - from.packets) / seconds;
  return cores < 0 || packets < 0 || cores >= BUSY_CORES || packets >= BUSY_PACKETS;
}
