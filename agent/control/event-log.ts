// The events of this host: numbered, kept in memory and told at once, written behind that (event-writer.ts). Readers pull
// with `since`, which sees what waits for the disk as well, and use listeners as a bell: none can miss or reorder.
//
// The death of the agent may cost the events of the last write. A life that did not end in order is followed by a gap, which
// every reader is told, and by cursors beyond all that can have been given out.
//
// Nobody fills it at the cost of others: equal refusals are counted (coalescer.ts), the older half in memory is shared by
// types and tenants (shares.ts), and what lasts stands on disk a second time, in segments of its own (lasting-file.ts).

import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import { reportOf } from '../base/errors.js';
import type { Condition } from '../model/condition.js';
import type { BerthEvent, NewEvent } from '../model/event.js';
import { Coalescer } from './coalescer.js';
import { type BootMark, EventFile, JUMP, RATE } from './event-file.js';
import type { EventIo } from './event-io.js';
import { EventWriter, linesOf } from './event-writer.js';
import { LastingFile } from './lasting-file.js';
import { NumberFile } from './number-file.js';
import { Retention } from './retention.js';
import { isLasting, thin } from './shares.js';

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
  /** Told when the disk refuses an event; it is written later. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds until what the disk has refused is tried again. */
  readonly retryMs?: number;
  /** Milliseconds that an end waits for the disk. */
  readonly closeMs?: number;
  /** For tests. */
  readonly io?: EventIo;
  /** Unix ms. */
  readonly now?: () => number;
}

export interface EventsSince {
  readonly events: readonly BerthEvent[];
  /** Events after the asked cursor are no longer kept, or may have been lost in a power cut. */
  readonly gap: boolean;
}

/** For the last write of a life. */
const CLOSE_MS = 600;

export class EventLog {
  readonly #writer: EventWriter;
  readonly #retention: Retention;
  readonly #coalescer: Coalescer;
  readonly #acks: NumberFile;
  readonly #keep: number;
  readonly #closeMs: number;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<(event: BerthEvent) => void>();
  #kept: BerthEvent[];
  #marks: BootMark[];
  #floor: number;
  #last: number;
  #untold: BerthEvent[] = [];
  #telling = false;

  /** Reads what is there; damage is reported as events `journal.damaged`. Throws errors of node:fs. */
  constructor(options: EventLogOptions) {
    const { bootId, io, retryMs, coalesceMs: firstMs } = options;
    const { directory, keep = 10_000, segmentBytes = 4 << 20, now = Date.now, onError = () => undefined } = options;
    this.#keep = keep;
    this.#closeMs = options.closeMs ?? CLOSE_MS;
    this.#now = now;
    this.#onError = onError;
    this.#retention = new Retention(now);
    const damage: string[] = [];
    this.#acks = new NumberFile(join(directory, 'acks.json'), {
      fsync: false,
      onDamage: (_path, problem) => damage.push(`acks.json: set aside as acks.json.damaged: ${problem}`),
    });
    const ports = io === undefined ? {} : { io };
    const { file, recovered } = EventFile.open(directory, ports);
    const half = segmentBytes / 2;
    const lasting = new LastingFile(directory, { segmentBytes: half, retention: this.#retention, now, ...ports });
    damage.unshift(...recovered.damage, ...lasting.damage);
    const first = recovered.events[0]?.cursor ?? recovered.marks[0]?.next ?? 1;
    this.#kept = [...lasting.take(first), ...recovered.events];
    this.#marks = [...recovered.marks];
    this.#floor = (this.#marks[0]?.next ?? 1) - 1;
    this.#last = Math.max(this.#kept.at(-1)?.cursor ?? 0, (this.#marks.at(-1)?.next ?? 1) - 1);
    this.#coalescer = new Coalescer({
      append: (event) => void this.#number(event),
      ...defined({ firstMs }),
    });
    const retry = retryMs === undefined ? {} : { retryMs };
    this.#writer = new EventWriter({ file, lasting, bootId, segmentBytes, keep, onError, ...retry });
    this.#trim();
    this.#begin({ file, bootId, closed: recovered.closed, given: Math.max(this.#acks.max(), lasting.last) });
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
    return { cursor: this.#last, kept: this.#kept.length, writeErrors: this.#writer.errors };
  }

  /**
   * Numbers and tells an event, and has it written. Never throws: what the disk refuses waits, in order, until it is written.
   * A refusal that equals one of the last seconds is counted, and told with its equals. Gives back the newest cursor.
   */
  append(event: NewEvent): { readonly cursor: number } {
    if (!this.#coalescer.takes(event)) this.#number(event);
    return { cursor: this.#last };
  }

  /** Resolves when the disk has all that was appended before, or has refused it. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  conditions(): readonly Condition[] {
    return [...this.#writer.conditions(), ...this.#retention.conditions()];
  }

  #number(event: NewEvent): void {
    const { type, workload, tenant, actor, data = {} } = event;
    const numbered: BerthEvent = {
      cursor: this.#last + 1,
      at: this.#now(),
      type,
      ...defined({ workload, tenant, actor }),
      data,
    };
    this.#last = numbered.cursor;
    this.#kept.push(numbered);
    this.#writer.put(numbered);
    this.#trim();
    this.#tell(numbered);
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

  /** Calls `listener` with every event, in cursor order; returns the way to stop it. */
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
    if (acked > 0) await this.#acks.ensure(scheduler, acked);
    return acked;
  }

  /** Ends the log in order, so that the next life knows that it has all. One that the disk holds up ends without that. */
  async close(): Promise<void> {
    this.#coalescer.close();
    this.#listeners.clear();
    const acks = this.#acks.settled().catch(this.#onError);
    await this.#writer.close(this.#last, this.#closeMs);
    await acks;
  }

  /** Synchronous where it writes: the mark is on disk before a cursor behind it is given out. */
  #begin({ file, bootId, closed, given }: Begin): void {
    // A cursor beyond the log that was acknowledged, or stands beside it, was once given out: the log has been cut since.
    const lost = given > this.#last;
    const before = this.#marks.at(-1);
    const fresh = before === undefined && this.#last === 0 && !lost;
    const prior = this.#last;
    if (before?.boot === bootId && closed && !lost) return;
    const away = Math.max(0, this.#now() - (this.#kept.at(-1)?.at ?? this.#now()));
    // Cursors go on being given out while the disk refuses events.
    if (!fresh) this.#last = Math.max(prior, given) + JUMP + (closed ? 0 : Math.ceil(away * RATE));
    const mark = { next: this.#last + 1, prior, clean: fresh || (closed && !lost) };
    this.#marks.push({ boot: bootId, ...mark });
    try {
      file.writeNow(linesOf([{ boot: bootId, ...mark }]));
    } catch (error) {
      this.#onError(error);
      this.#writer.mark(mark);
    }
  }

  #trim(): void {
    // In steps: to choose among ten thousand at every event would cost too much.
    if (this.#kept.length <= this.#keep + Math.ceil(this.#keep / 10)) return;
    const before = this.#kept;
    this.#kept = thin(before, this.#keep, this.#now());
    const stays = new Set(this.#kept);
    const gone = before.filter((event) => !stays.has(event));
    for (const event of gone) if (isLasting(event)) this.#retention.lost(event);
    const dropped = gone.at(-1);
    this.#floor = Math.max(this.#floor, dropped?.cursor ?? 0);
    this.#marks = this.#marks.filter((m, i) => m.next - 1 > this.#floor || i === this.#marks.length - 1);
  }

  #tell(event: BerthEvent): void {
    this.#untold.push(event);
    // A listener that appends must not let its event overtake the one being told.
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift())
      for (const listener of [...this.#listeners]) this.#tellOne(listener, next);
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

interface Begin {
  readonly file: EventFile;
  readonly bootId: string;
  readonly closed: boolean;
  readonly given: number;
}
