// What is known of the end of a workload's process, and is not on disk yet. It is kept until the record that says so is
// durable: whoever asks twice, because the first answer could not be written, is told the same.
import { pause } from '../../linux/timers.js';
import type { ExitRecord, HeldProcess } from '../../systemd/supervisor/protocol.js';
import type { EndRecord, WorkloadRecord } from '../model/record.js';
import type { Witnesses } from './end.js';

export class EndNews {
  #held: HeldProcess | undefined;
  /** Of `#held`. The counters and the log it was made from may be gone at the next try. */
  #explained: Explained | undefined;
  #wake: (() => void) | undefined;

  /** A process of this workload has ended. What is known already is not known better by hearing it again. */
  arrived(held: HeldProcess): void {
    if (held.exit === undefined) return;
    if (this.#held === undefined || !isSame(held, this.#held)) {
      this.#held = held;
      this.#explained = undefined;
    }
    this.interrupt();
  }

  /** The end we know of, if it is that of its process (or of a start whose answer a crash has swallowed). */
  of({ process, state }: WorkloadRecord): HeldProcess | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    if (process === null) return state === 'starting' ? held : undefined;
    return isSame(held, process) ? held : undefined;
  }

  /** To be asked while the cgroup still exists; where nothing is known of the end, it is lost from now on. */
  async explain(witnesses: Pick<Witnesses, 'explain'>, record: WorkloadRecord, asked: boolean): Promise<Explained> {
    const known = this.of(record);
    if (known !== undefined && this.#explained !== undefined) return this.#explained;
    const exit = known?.exit ?? { code: null, signal: null, at: Date.now() };
    if (known === undefined && record.process !== null) this.#held = { id: record.id, ...record.process, exit };
    const held = this.#held;
    const explained = { exit, end: await witnesses.explain(record, exit, asked) };
    if (this.#held === held) this.#explained = explained;
    return explained;
  }

  /** What it led to is durable, or does not count any more. */
  forget(): void {
    this.#held = undefined;
    this.#explained = undefined;
  }

  /** Resolves when the end is known, something else is wanted, or the time is over. */
  async within(ms: number, record: WorkloadRecord): Promise<void> {
    if (this.of(record)) return;
    const timer = new AbortController();
    const news = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([news, pause(ms, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    this.#wake = undefined;
  }

  /** Resolves when the end is known, or the time is over, whatever else is wanted meanwhile: what was killed has ended. */
  async arrival(ms: number, record: WorkloadRecord): Promise<void> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && this.of(record) === undefined; left = until - performance.now())
      await this.within(left, record);
  }

  /** Nobody waits any longer. */
  interrupt(): void {
    this.#wake?.();
  }
}

/** How it ended, and why. */
export interface Explained {
  readonly exit: ExitRecord;
  readonly end: EndRecord;
}

interface Named {
  readonly pid: number;
  readonly startTime: number;
}

function isSame(one: Named, other: Named): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}
