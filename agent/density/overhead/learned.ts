// What the VMMs of a size were measured to need, in histograms that forget. Knows nothing of what is configured.
import type { DriverName } from '../../model/spec.js';
import { DecayingHistogram, type HistogramRecord, type HistogramShape } from '../prediction/histogram.js';

/** Bytes. A VMM has no daily round: a week's measurements weigh half. */
const SHAPE: HistogramShape = { first: 1e6, most: 1e12, halfLifeMs: 7 * 24 * 3_600_000 };
const PERCENTILE = 0.98;
const MARGIN = 1.1;

/** Before that the figure is of a few that may be alike by chance, or of a day that was quiet. */
const ENOUGH = { runs: 8, samples: 100, ageMs: 24 * 3_600_000 };

/** Powers of two of vCPUs and memory are far fewer; a file from elsewhere may have more. */
const MOST_SIZES = 1000;

export interface Key {
  readonly driver: DriverName;
  readonly size: string;
}

export interface Known extends Key {
  /** Bytes: the 98th percentile with a margin of a tenth. */
  readonly bytes: number;
  readonly samples: number;
  /** Starts of VMs that were measured, each once. */
  readonly runs: number;
  readonly ageMs: number;
  /** As much is known as a decision needs. */
  readonly enough: boolean;
}

interface Entry extends Key {
  readonly histogram: DecayingHistogram;
  samples: number;
  runs: number;
  /** Unix ms: start of the youngest run that is counted. */
  youngest: number;
  /** Unix ms of the first measurement. */
  readonly since: number;
}

export interface LearnedRecord {
  readonly sizes: readonly (Key & {
    readonly samples: number;
    readonly runs: number;
    readonly youngest: number;
    readonly since: number;
    readonly bytes: HistogramRecord;
  })[];
}

export const NOTHING_LEARNED: LearnedRecord = { sizes: [] };

export class Learned {
  readonly #entries = new Map<string, Entry>();

  /** Times in Unix ms. `startedAt`: of the VMM. */
  observe({ driver, size }: Key, { bytes, startedAt }: { bytes: number; startedAt: number }, now: number): void {
    const key = `${driver} ${size}`;
    const entry = this.#entries.get(key) ?? {
      ...{ driver, size, histogram: new DecayingHistogram(SHAPE, now) },
      ...{ samples: 0, runs: 0, youngest: Number.NEGATIVE_INFINITY, since: now },
    };
    if (this.#entries.size >= MOST_SIZES && !this.#entries.has(key)) return;
    entry.histogram.add(bytes, now);
    entry.samples += 1;
    // Told by its start, a run is never counted twice, not by the next agent either; one that is missed is no harm.
    if (startedAt > entry.youngest) {
      entry.runs += 1;
      entry.youngest = startedAt;
    }
    this.#entries.set(key, entry);
  }

  get({ driver, size }: Key, now: number): Known | undefined {
    const entry = this.#entries.get(`${driver} ${size}`);
    return entry && known(entry, now);
  }

  all(now: number): Known[] {
    return [...this.#entries.values()].map((entry) => known(entry, now));
  }

  record(now: number): LearnedRecord {
    const sizes = [...this.#entries.values()].map(({ histogram, ...rest }) => ({
      ...rest,
      bytes: histogram.record(now),
    }));
    return { sizes };
  }

  /** What an earlier life has learned. */
  restore({ sizes }: LearnedRecord): void {
    for (const { bytes, ...rest } of sizes.slice(0, MOST_SIZES))
      this.#entries.set(`${rest.driver} ${rest.size}`, { ...rest, histogram: DecayingHistogram.from(SHAPE, bytes) });
  }
}

function known({ driver, size, histogram, samples, runs, since }: Entry, now: number): Known {
  const ageMs = Math.max(0, now - since);
  const enough = runs >= ENOUGH.runs && samples >= ENOUGH.samples && ageMs >= ENOUGH.ageMs;
  const bytes = histogram.empty ? 0 : Math.ceil(histogram.percentile(PERCENTILE) * MARGIN);
  return { driver, size, bytes, samples, runs, ageMs, enough: enough && !histogram.empty };
}
