// Events that are looked for days later (shares.ts), on disk a second time: the log itself turns over with whatever there is
// much of. No type and tenant takes more than a quarter of a segment.
import type { BerthEvent } from '../service.js';
import { EventFile } from './event-file.js';
import { isLasting } from './shares.js';

const NAME = 'events-lasting.jsonl';
const SHARE = 1 / 4;

export class LastingFile {
  readonly damage: readonly string[];
  readonly #file: EventFile;
  readonly #segmentBytes: number;
  readonly #recovered: readonly BerthEvent[];
  /** Bytes in this segment, by type and tenant. */
  #taken = new Map<string, number>();

  /** Throws errors of node:fs. */
  constructor(directory: string, segmentBytes: number) {
    const { file, recovered } = EventFile.open(directory, NAME);
    this.#file = file;
    this.#segmentBytes = segmentBytes;
    this.#recovered = recovered.events;
    this.damage = recovered.damage;
  }

  /** Those that were found at the start, before `cursor`. */
  take(cursor: number): readonly BerthEvent[] {
    return this.#recovered.filter((event) => event.cursor < cursor);
  }

  /** The highest cursor that was found at the start. */
  get last(): number {
    return this.#recovered.at(-1)?.cursor ?? 0;
  }

  /** Throws errors of node:fs. */
  write(events: readonly BerthEvent[]): void {
    const lines = events
      .filter(isLasting)
      .map((event) => this.#lineOf(event))
      .join('');
    if (lines === '') return;
    if (this.#file.size > this.#segmentBytes) {
      this.#file.rotate();
      this.#taken = new Map();
    }
    this.#file.write(lines);
  }

  close(): void {
    this.#file.close();
  }

  #lineOf(event: BerthEvent): string {
    const key = `${event.type} ${event.tenant ?? ''}`;
    const taken = this.#taken.get(key) ?? 0;
    if (taken > this.#segmentBytes * SHARE) return '';
    const line = `${JSON.stringify(event)}\n`;
    this.#taken.set(key, taken + line.length);
    return line;
  }
}
