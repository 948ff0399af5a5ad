// The events of this host: numbered, kept (the newest in memory, all of two segments on disk), and told to listeners
// only after write(2) took them. Readers pull with `since` and use listeners as a bell, so none can miss or reorder.
//
// Nobody fills it at the cost of others: equal refusals are counted (coalescer.ts), the older half in memory is shared by
// types and tenants (shares.ts), and what lasts stands on disk a second time, in segments of its own (lasting-file.ts).
import { join } from 'node:path';
import { reportOf } from '../errors.js';
import type { BerthEvent } from '../service.js';
import { Coalescer } from './coalescer.js';
import { type BootMark, EventFile, JUMP } from './event-file.js';
import { LastingFile } from './lasting-file.js';
import { NumberFile } from './number-file.js';
import { thin } from './shares.js';

export interface NewEvent {
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface EventLogOptions {
  /** Holds events.jsonl, events.jsonl.1 and acks.json; must exist. */
  readonly directory: string;
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  /** Events kept in memory and so replayed. Default 10,000. */
  readonly keep?: number;
  /** Bytes of one segment. Default 4 MiB. */
  readonly segmentBytes?: number;
  /** Milliseconds before equal refusals are told again, as one event with their count. */
  readonly coalesceMs?: number;
  /** Told when the disk refuses an event; it is written and delivered later. */
  readonly onError?: (error: unknown) => void;
  /** Unix ms. */
  readonly now?: () => number;
}

export interface EventsSince {
  readonly events: readonly BerthEvent[];
  /** Events after the asked cursor are no longer kept, or may have been lost in a power cut. */
  readonly gap: boolean;
}

const RETRY_MS = 1000;

export class EventLog {
  readonly #file: EventFile;
  readonly #lasting: LastingFile;
  readonly #coalescer: Coalescer;
  readonly #acks: NumberFile;
  readonly #keep: number;
  readonly #segmentBytes: number;
  readonly #bootId: string;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<(event: BerthEvent) => void>();
  #kept: BerthEvent[];
  #marks: BootMark[];
  #floor: number;
  #unwrittenMark: BootMark | undefined;
  #last: number;
  #unwritten: BerthEvent[] = [];
  #untold: BerthEvent[] = [];
  #telling = false;
  #retry: NodeJS.Timeout | undefined;
  #writeErrors = 0;

  /** Reads what is there; damage is reported as events `journal.damaged`. Throws errors of node:fs. */
  constructor(options: EventLogOptions) {
    this.#keep = options.keep ?? 10_000;
    this.#segmentBytes = options.segmentBytes ?? 4 << 20;
    this.#bootId = options.bootId;
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => undefined);
    const damage: string[] = [];
    this.#acks = new NumberFile(join(options.directory, 'acks.json'), {
      fsync: false,
      onDamage: (_path, problem) => damage.push(`acks.json: set aside as acks.json.damaged: ${problem}`),
    });
    const { file, recovered } = EventFile.open(options.directory);
    this.#lasting = new LastingFile(options.directory, this.#segmentBytes);
    damage.unshift(...recovered.damage, ...this.#lasting.damage);
    this.#file = file;
    const first = recovered.events[0]?.cursor ?? recovered.marks[0]?.next ?? 1;
    this.#kept = [...this.#lasting.take(first), ...recovered.events];
    this.#marks = [...recovered.marks];
    this.#floor = (this.#marks[0]?.next ?? 1) - 1;
    this.#last = Math.max(this.#kept.at(-1)?.cursor ?? 0, (this.#marks.at(-1)?.next ?? 1) - 1);
    const { coalesceMs: firstMs } = options;
    this.#coalescer = new Coalescer({
      append: (event) => void this.#number(event),
      ...(firstMs === undefined ? {} : { firstMs }),
    });
    this.#trim();
    this.#enterBoot(recovered.closed);
    for (const problem of damage) this.append({ type: 'journal.damaged', data: { file: 'events', problem } });
  }

  /** The cursor of the newest event; 0 when there never was one. */
  get cursor(): number {
    return this.#last;
  }

  /** Of the events up to and including this cursor some are no longer kept; all after it are. */
  get floor(): number {
    return this.#floor;
  }

  get figures(): { readonly cursor: number; readonly kept: number; readonly writeErrors: number } {
    return { cursor: this.#last, kept: this.#kept.length, writeErrors: this.#writeErrors };
  }

  /**
   * Numbers, writes and tells an event. Never throws: what the disk refuses waits, in order, until it is written. A refusal
   * that equals one of the last seconds is counted, and told with its equals. Gives back the newest cursor.
   */
  append(event: NewEvent): { readonly cursor: number } {
    if (!this.#coalescer.takes(event)) this.#number(event);
    return { cursor: this.#last };
  }

  #number(event: NewEvent): void {
    const { type, workload, tenant, data = {} } = event;
    const numbered: BerthEvent = {
      cursor: this.#last + 1,
      at: this.#now(),
      type,
      ...(workload === undefined ? {} : { workload }),
      ...(tenant === undefined ? {} : { tenant }),
      data,
    };
    this.#last = numbered.cursor;
    this.#unwritten.push(numbered);
    this.#write();
  }

  /** Kept events with a higher cursor, oldest first, `limit` at most. A cursor from the future counts as a gap. */
  since(cursor: number, limit = Number.POSITIVE_INFINITY): EventsSince {
    const future = cursor > this.#last;
    const start = future ? 0 : this.#indexAfter(cursor);
    const jumped = this.#marks.some((m) => cursor < m.next - 1 && (!m.clean || cursor > m.prior));
    return { events: this.#kept.slice(start, start + limit), gap: future || jumped || cursor < this.#floor };
  }

  /** How many kept events follow `cursor`. */
  countSince(cursor: number): number {
    return this.#kept.length - this.#indexAfter(cursor);
  }

  /** Calls `listener` after every written event, in cursor order; returns the way to stop it. */
  onEvent(listener: (event: BerthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The highest cursor the scheduler has acknowledged, 0 when none. */
  acked(scheduler: string): number {
    return this.#acks.get(scheduler) ?? 0;
  }

  /** Raises (never lowers) the acknowledged cursor; resolves with it when it is on disk. */
  async ack(scheduler: string, cursor: number): Promise<number> {
    const acked = Math.max(this.acked(scheduler), Math.min(cursor, this.#last));
    if (acked !== this.acked(scheduler)) await this.#acks.set(scheduler, acked);
    return acked;
  }

  /** Ends the log in order, so that a reboot is not taken for a power cut. */
  async close(): Promise<void> {
    this.#coalescer.close();
    clearTimeout(this.#retry);
    this.#listeners.clear();
    try {
      this.#file.write(`${linesOf(this.#unwritten)}${JSON.stringify({ closed: this.#last })}\n`);
    } catch (error) {
      this.#onError(error);
    }
    this.#file.close();
    this.#lasting.close();
    await this.#acks.flush().catch(this.#onError);
  }

  #enterBoot(closed: boolean): void {
    // A cursor beyond the log that was acknowledged, or stands beside it, was once given out: the log has been cut since.
    const given = Math.max(this.#acks.max(), this.#lasting.last);
    const lost = given > this.#last;
    const before = this.#marks.at(-1);
    if (before?.boot === this.#bootId && !lost) return;
    const fresh = before === undefined && this.#last === 0 && !lost;
    const prior = this.#last;
    if (!fresh) this.#last = Math.max(this.#last, given) + JUMP;
    this.#mark({ next: this.#last + 1, prior, clean: fresh || (closed && !lost) });
  }

  #mark(mark: Omit<BootMark, 'boot'>): void {
    this.#unwrittenMark = { boot: this.#bootId, ...mark };
    this.#marks.push(this.#unwrittenMark);
  }

  #write(): void {
    try {
      const next = this.#unwritten[0];
      if (next === undefined) return;
      if (this.#file.size > this.#segmentBytes) this.#file.rotate();
      if (this.#file.size === 0 && this.#unwrittenMark === undefined)
        this.#mark({ next: next.cursor, prior: next.cursor - 1, clean: true });
      this.#file.write(`${linesOf([this.#unwrittenMark])}${linesOf(this.#unwritten)}`);
      this.#unwrittenMark = undefined;
    } catch (error) {
      this.#writeErrors++;
      this.#onError(error);
      this.#shed();
      this.#retry ??= setTimeout(() => {
        this.#retry = undefined;
        this.#write();
      }, RETRY_MS).unref();
      return;
    }
    const written = this.#unwritten;
    this.#unwritten = [];
    this.#kept.push(...written);
    this.#keepLasting(written);
    this.#trim();
    this.#tell(written);
  }

  /** A disk that stays full must not fill the memory too: the older half goes, as an announced gap. */
  #shed(): void {
    if (this.#unwritten.length <= this.#keep) return;
    this.#unwritten.splice(0, this.#unwritten.length >> 1);
    const prior = this.#kept.at(-1)?.cursor ?? this.#floor;
    this.#mark({ next: this.#unwritten[0]?.cursor ?? this.#last + 1, prior, clean: false });
  }

  #trim(): void {
    // In steps: to choose among ten thousand at every event would cost too much.
    if (this.#kept.length <= this.#keep + Math.ceil(this.#keep / 10)) return;
    const before = this.#kept;
    this.#kept = thin(before, this.#keep);
    const stays = new Set(this.#kept);
    const dropped = before.findLast((event) => !stays.has(event));
    this.#floor = Math.max(this.#floor, dropped?.cursor ?? 0);
    this.#marks = this.#marks.filter((m, i) => m.next - 1 > this.#floor || i === this.#marks.length - 1);
  }

  /** The log has them already: one that cannot be written a second time is only less well kept. */
  #keepLasting(events: readonly BerthEvent[]): void {
    try {
      this.#lasting.write(events);
    } catch (error) {
      this.#writeErrors++;
      this.#onError(error);
    }
  }

  #tell(events: readonly BerthEvent[]): void {
    this.#untold.push(...events);
    // A listener that appends must not let its event overtake the one being told.
    if (this.#telling) return;
    this.#telling = true;
    for (let event = this.#untold.shift(); event !== undefined; event = this.#untold.shift())
      for (const listener of [...this.#listeners]) this.#tellOne(listener, event);
    this.#telling = false;
  }

  #tellOne(listener: (event: BerthEvent) => void, event: BerthEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#onError(new Error(`a listener failed: ${reportOf(error).message}`, { cause: error }));
    }
  }

  #indexAfter(cursor: number): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#kept[middle]?.cursor ?? 0) <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function linesOf(records: readonly (BerthEvent | BootMark | undefined)[]): string {
  return records.map((record) => (record === undefined ? '' : `${JSON.stringify(record)}\n`)).join('');
}
