// The way of events to the disk: a queue with group commit. What comes within 20 ms, or while a write is under way, is one write; the
// main loop never waits for the disk. A disk that is slow or full costs memory up to a bound, then the shares of events
// (shares.ts) say which of the queue are dropped from the file; readers find a gap there after a restart.
import { after, orLate, pause, type Timer } from '../../linux/timers.js';
import { reportOf } from '../base/errors.js';
import type { Condition } from '../model/condition.js';
import type { BerthEvent } from '../model/event.js';
import type { BootMark, EventFile } from './event-file.js';
import type { LastingFile } from './lasting-file.js';
import { thin } from './shares.js';

export interface EventWriterOptions {
  readonly file: EventFile;
  readonly lasting: LastingFile;
  readonly bootId: string;
  /** Bytes of one segment. */
  readonly segmentBytes: number;
  /** Events that may wait. */
  readonly keep: number;
  readonly onError: (error: unknown) => void;
  readonly retryMs?: number;
}

/** Events of one write: to make their text holds the main loop. */
const BATCH = 256;
const GATHER_MS = 20;
const RETRY_MS = 1000;
const SLOW_MS = 10_000;

export class EventWriter {
  readonly #options: EventWriterOptions;
  #waiting: BerthEvent[] = [];
  /** Being written; they stay here until both files have them. */
  #batch: readonly BerthEvent[] = [];
  #logged = false;
  #mark: BootMark | undefined;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #closed = false;
  #problem: unknown;
  /** Monotonic ms, of the oldest event that is not written. */
  #since: number | undefined;
  #dropped = 0;
  #errors = 0;

  constructor(options: EventWriterOptions) {
    this.#options = options;
  }

  /** Refused or failed writes since the start. */
  get errors(): number {
    return this.#errors;
  }

  /** Events that are in memory only. */
  get waiting(): number {
    return this.#batch.length + this.#waiting.length;
  }

  put(event: BerthEvent): void {
    if (this.#closed) return;
    this.#waiting.push(event);
    this.#since ??= performance.now();
    if (this.#waiting.length > this.#options.keep) this.#shed();
    if (this.#retry === undefined) void this.#start();
  }

  /** Stands before the next event. Two that wait are one that covers both. */
  mark(mark: Omit<BootMark, 'boot'>): void {
    const before = this.#mark;
    this.#mark = {
      boot: this.#options.bootId,
      next: Math.max(mark.next, before?.next ?? 0),
      prior: Math.min(mark.prior, before?.prior ?? mark.prior),
      clean: mark.clean && (before?.clean ?? true),
    };
  }

  /** Resolves when the files have all that was put before, or refuse it. Never rejects. */
  async settled(): Promise<void> {
    while (this.waiting > 0 && this.#retry === undefined && !this.#closed) await this.#start();
  }

  /** Writes what waits, and the mark of an orderly end; false: the disk refused one of them, or `ms` were over. */
  async close(last: number, ms: number): Promise<boolean> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#retry = undefined;
    return await orLate(this.#end(last), ms, false);
  }

  conditions(): readonly Condition[] {
    const { keep } = this.#options;
    const age = this.#since === undefined ? 0 : performance.now() - this.#since;
    if (this.#problem === undefined && age < SLOW_MS) return [];
    const cause = this.#problem === undefined ? `the disk has taken none for ${Math.round(age / 1000)} s` : '';
    const lost = this.#dropped > 0 ? `; ${this.#dropped} of them are lost at a restart` : '';
    return [
      {
        ...{ code: 'events_unwritable', severity: 'warning' },
        title: 'events are not written to disk',
        why: `${cause || reportOf(this.#problem).message}; ${this.waiting} of at most ${keep} wait in memory${lost}`,
        fix: 'Make room on the file system of the state directory, or see to its disk: berth tries again each second.',
      },
    ];
  }

  #start(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#running = undefined;
        // Put after the last look of this run.
        if (this.waiting > 0 && this.#retry === undefined && !this.#closed) void this.#start();
      });
    return this.#running;
  }

  async #run(): Promise<void> {
    // The events of one start come within this time and go in one write.
    await pause(GATHER_MS);
    while (this.waiting > 0) {
      if (this.#batch.length === 0) this.#batch = this.#waiting.splice(0, BATCH);
      await this.#commit(this.#batch);
      this.#batch = [];
      this.#logged = false;
      this.#problem = undefined;
      this.#dropped = 0;
      this.#since = this.#waiting.length === 0 ? undefined : performance.now();
    }
  }

  async #commit(batch: readonly BerthEvent[]): Promise<void> {
    const { file, lasting, segmentBytes } = this.#options;
    const [first] = batch;
    if (first === undefined) return;
    if (!this.#logged) {
      const lines = linesOf(batch);
      if (file.size > 0 && file.size + lines.length > segmentBytes) await file.rotate();
      if (file.size === 0 && this.#mark === undefined)
        this.mark({ next: first.cursor, prior: first.cursor - 1, clean: true });
      const mark = this.#mark;
      await file.write(`${mark === undefined ? '' : linesOf([mark])}${lines}`);
      // A later one may have taken its place meanwhile, and covers more.
      if (this.#mark === mark) this.#mark = undefined;
      this.#logged = true;
    }
    await lasting.write(batch);
  }

  #failed(error: unknown): void {
    this.#errors++;
    this.#problem = error;
    this.#options.onError(error);
    if (this.#closed) return;
    this.#retry = after(this.#options.retryMs ?? RETRY_MS, () => {
      this.#retry = undefined;
      void this.#start();
    }).unref();
  }

  /** A disk that stays full must not fill the memory too. */
  #shed(): void {
    const before = this.#waiting;
    this.#waiting = thin(before, this.#options.keep >> 1);
    const stays = new Set(this.#waiting);
    const highest = before.findLast((event) => !stays.has(event));
    this.#dropped += before.length - this.#waiting.length;
    const prior = (this.#batch[0] ?? before[0])?.cursor ?? 1;
    if (highest !== undefined) this.mark({ next: highest.cursor + 1, prior: prior - 1, clean: false });
  }

  async #end(last: number): Promise<boolean> {
    const { file, lasting } = this.#options;
    // Once more, for what a disk that was full may take now.
    await this.#running;
    if (this.waiting > 0) await this.#start();
    if (this.waiting > 0) return false;
    try {
      await file.write(`${linesOf(this.#mark === undefined ? [] : [this.#mark])}${JSON.stringify({ closed: last })}\n`);
      await Promise.all([file.close(), lasting.close()]);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }
}

export function linesOf(records: readonly (BerthEvent | BootMark)[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
