// What workloads of a shape are going to use, from what those before them used. Bounded: the shape that was not seen for
// the longest time is forgotten first.
import { CPU_SHAPE, DecayingHistogram, type HistogramRecord, MEMORY_SHAPE } from './histogram.js';

/** With the margin, in cores or bytes; mean and variance without it. */
export interface Quantity {
  readonly p50: number;
  readonly p90: number;
  readonly p98: number;
  readonly peak: number;
  readonly mean: number;
  readonly variance: number;
}

export interface Prediction {
  readonly shape: string;
  readonly cpu: Quantity;
  readonly memory: Quantity;
  readonly samples: number;
  /** Since the first sample of this shape. */
  readonly ageMs: number;
  /** Fewer than 24 h of samples: a day's peak may not have been seen. */
  readonly learning: boolean;
}

interface Entry {
  readonly cpu: DecayingHistogram;
  readonly memory: DecayingHistogram;
  samples: number;
  /** Unix ms. */
  readonly since: number;
}

export interface PredictorRecord {
  /** The one seen last comes last. */
  readonly shapes: readonly {
    readonly shape: string;
    readonly samples: number;
    readonly since: number;
    readonly cpu: HistogramRecord;
    readonly memory: HistogramRecord;
  }[];
}

const COLD_MS = 24 * 3_600_000;
const MARGIN = 1.1;
/** About 4 KiB each. */
const MOST_SHAPES = 1000;

export class Predictor {
  readonly #entries = new Map<string, Entry>();
  readonly #most: number;

  constructor(mostShapes = MOST_SHAPES) {
    this.#most = mostShapes;
  }

  get shapes(): number {
    return this.#entries.size;
  }

  /** One workload of this shape uses so much. Unix ms. */
  observe(shape: string, use: { readonly cpu: number; readonly memory: number }, now: number): void {
    const entry = this.#entries.get(shape) ?? {
      cpu: new DecayingHistogram(CPU_SHAPE, now),
      memory: new DecayingHistogram(MEMORY_SHAPE, now),
      ...{ samples: 0, since: now },
    };
    entry.cpu.add(use.cpu, now);
    entry.memory.add(use.memory, now);
    entry.samples += 1;
    this.#keep(shape, entry);
  }

  predict(shape: string, now: number): Prediction | undefined {
    const entry = this.#entries.get(shape);
    if (entry === undefined || entry.cpu.empty || entry.memory.empty) return undefined;
    const ageMs = Math.max(0, now - entry.since);
    return {
      shape,
      cpu: quantity(entry.cpu),
      memory: quantity(entry.memory),
      ...{ samples: entry.samples, ageMs, learning: ageMs < COLD_MS },
    };
  }

  record(now: number): PredictorRecord {
    const shapes = [...this.#entries].map(([shape, { cpu, memory, samples, since }]) => ({
      ...{ shape, samples, since },
      ...{ cpu: cpu.record(now), memory: memory.record(now) },
    }));
    return { shapes };
  }

  /** Adds what an earlier life has learned. */
  restore({ shapes }: PredictorRecord): void {
    for (const { shape, samples, since, cpu, memory } of shapes)
      this.#keep(shape, {
        cpu: DecayingHistogram.from(CPU_SHAPE, cpu),
        memory: DecayingHistogram.from(MEMORY_SHAPE, memory),
        ...{ samples, since },
      });
  }

  #keep(shape: string, entry: Entry): void {
    this.#entries.delete(shape);
    this.#entries.set(shape, entry);
    const [eldest] = this.#entries.keys();
    if (this.#entries.size > this.#most && eldest !== undefined) this.#entries.delete(eldest);
  }
}

function quantity(histogram: DecayingHistogram): Quantity {
  const { mean, variance } = histogram.moments();
  return {
    p50: histogram.percentile(0.5) * MARGIN,
    p90: histogram.percentile(0.9) * MARGIN,
    p98: histogram.percentile(0.98) * MARGIN,
    peak: histogram.peak() * MARGIN,
    ...{ mean, variance },
  };
}
