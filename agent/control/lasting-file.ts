// Events that are looked for days later (shares.ts), on disk a second time: the log itself turns over with whatever there is
// much of. A segment holds six hours, and the five of them a day at least. Of a full segment every type and tenant has an
// equal share; what is beyond it is dropped, and said by a condition (retention.ts).
import type { BerthEvent } from '../model/event.js';
import { EventFile, type EventFileOptions } from './event-file.js';
import { DAY_MS, type Retention } from './retention.js';
import { isLasting } from './shares.js';

const NAME = 'events-lasting.jsonl';
const OLDER = 4;
const SEGMENT_MS = DAY_MS / OLDER;

export interface LastingOptions extends Pick<EventFileOptions, 'io'> {
  readonly segmentBytes: number;
  readonly retention: Pick<Retention, 'lost'>;
  readonly now: () => number;
}

export class LastingFile {
  readonly damage: readonly string[];
  readonly #file: EventFile;
  readonly #options: LastingOptions;
  #recovered: readonly BerthEvent[];
  /** The highest cursor that was found at the start. */
  readonly last: number;
  /** Bytes in this segment, by type and tenant. */
  #taken = new Map<string, number>();
  /** Unix ms of its first event. */
  #since: number | undefined;

  /** Throws errors of node:fs. */
  constructor(directory: string, options: LastingOptions) {
    const { io } = options;
    const { file, recovered } = EventFile.open(directory, { name: NAME, older: OLDER, ...(io && { io }) });
    this.#file = file;
    this.#options = options;
    this.#recovered = recovered.events;
    this.last = recovered.events.at(-1)?.cursor ?? 0;
    this.damage = recovered.damage;
    for (const event of recovered.newest) this.#count(event, lineOf(event).length);
  }

  /** Those that were found at the start, before `cursor`; they are forgotten here. */
  take(cursor: number): readonly BerthEvent[] {
    const found = this.#recovered.filter((event) => event.cursor < cursor);
    this.#recovered = [];
    return found;
  }

  /** Throws errors of node:fs, and may then be called again with the same events. */
  async write(events: readonly BerthEvent[]): Promise<void> {
    const lasting = events.filter(isLasting);
    if (lasting.length === 0) return;
    if (this.#isOver()) {
      await this.#file.rotate();
      this.#taken = new Map();
      this.#since = undefined;
    }
    const lines = lasting.map((event) => ({ event, line: lineOf(event) }));
    const before = { taken: new Map(this.#taken), since: this.#since };
    const kept = lines.filter(({ event, line }) => this.#count(event, line.length));
    try {
      await this.#file.write(kept.map(({ line }) => line).join(''));
    } catch (error) {
      this.#taken = before.taken;
      this.#since = before.since;
      throw error;
    }
    for (const one of lines) if (!kept.includes(one)) this.#options.retention.lost(one.event);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** By its age, in which a clock that was set back counts as well. */
  #isOver(): boolean {
    if (this.#since === undefined) return false;
    return Math.abs(this.#options.now() - this.#since) >= SEGMENT_MS;
  }

  /** False: there is no room for it. Half of a segment is for whoever comes, the other half for equal shares. */
  #count({ type, tenant, at }: BerthEvent, bytes: number): boolean {
    const key = `${type} ${tenant ?? ''}`;
    const taken = (this.#taken.get(key) ?? 0) + bytes;
    const half = this.#options.segmentBytes / 2;
    const kinds = this.#taken.size + (this.#taken.has(key) ? 0 : 1);
    const all = [...this.#taken.values()].reduce((sum, one) => sum + one, bytes);
    if (all > half && taken > half / kinds) return false;
    this.#taken.set(key, taken);
    this.#since ??= at;
    return true;
  }
}

function lineOf(event: BerthEvent): string {
  return `${JSON.stringify(event)}\n`;
}
