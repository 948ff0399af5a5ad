// A histogram that forgets: each sample weighs half as much after a half-life. Buckets grow by 5 %, as those of the
// Kubernetes Vertical Pod Autoscaler (recommender/pkg/recommender/util), so that a percentile is never wrong by more.

export interface HistogramShape {
  /** Upper end of the first bucket. */
  readonly first: number;
  /** The last bucket has no end above this. */
  readonly most: number;
  readonly halfLifeMs: number;
}

const HOUR_MS = 3_600_000;
/** Cores. */
export const CPU_SHAPE: HistogramShape = { first: 0.01, most: 1000, halfLifeMs: 12 * HOUR_MS };
/** Bytes. */
export const MEMORY_SHAPE: HistogramShape = { first: 1e6, most: 1e13, halfLifeMs: 24 * HOUR_MS };

const GROWTH = 1.05;
/** Share of all weight below which a bucket is taken for empty: a peak is forgotten, too. */
const EPSILON = 1e-4;
/** Weights are kept relative to a moment; it is moved on before they overflow. */
const MOST_DOUBLINGS = 64;

/** What goes into a checkpoint. Weights are thousandths of the heaviest bucket. */
export interface HistogramRecord {
  readonly buckets: readonly (readonly [index: number, weight: number])[];
  /** Weight of the heaviest bucket, as samples of the moment `at`. */
  readonly scale: number;
  /** Unix ms. */
  readonly at: number;
}

export class DecayingHistogram {
  readonly #shape: HistogramShape;
  readonly #weights: Float64Array;
  #total = 0;
  #reference: number;

  constructor(shape: HistogramShape, now: number) {
    this.#shape = shape;
    this.#weights = new Float64Array(bucketOf(shape, shape.most) + 1);
    this.#reference = now;
  }

  get empty(): boolean {
    return this.#total <= 0;
  }

  /** What is no quantity is not counted. */
  add(value: number, now: number): void {
    if (!Number.isFinite(value) || value < 0 || !Number.isFinite(now)) return;
    const doublings = (now - this.#reference) / this.#shape.halfLifeMs;
    if (doublings > MOST_DOUBLINGS) this.#shift(now);
    // The clock was wrong and is put right: what there is counts as of now, else nothing new would weigh anything.
    if (doublings < -1) this.#reference = now;
    const heavy = 2 ** ((now - this.#reference) / this.#shape.halfLifeMs);
    const at = Math.min(this.#weights.length - 1, bucketOf(this.#shape, value));
    this.#weights[at] = (this.#weights[at] ?? 0) + heavy;
    this.#total += heavy;
  }

  /** Upper end of the bucket that holds the percentile (0-1); 0 without samples. */
  percentile(share: number): number {
    let sum = 0;
    for (let at = 0; at < this.#weights.length; at++) {
      const weight = this.#weights[at] ?? 0;
      sum += weight;
      if (weight > 0 && sum >= share * this.#total * (1 - 1e-12)) return endOf(this.#shape, at);
    }
    return 0;
  }

  /** Upper end of the highest bucket that has not faded away. */
  peak(): number {
    for (let at = this.#weights.length - 1; at >= 0; at--)
      if ((this.#weights[at] ?? 0) > EPSILON * this.#total) return endOf(this.#shape, at);
    return 0;
  }

  /** Of the distribution, with each sample in the middle of its bucket. */
  moments(): { mean: number; variance: number } {
    if (this.empty) return { mean: 0, variance: 0 };
    let [sum, squares] = [0, 0];
    for (let at = 0; at < this.#weights.length; at++) {
      const weight = this.#weights[at] ?? 0;
      if (weight <= 0) continue;
      const middle = (endOf(this.#shape, at - 1) + endOf(this.#shape, at)) / 2;
      sum += weight * middle;
      squares += weight * middle * middle;
    }
    const mean = sum / this.#total;
    return { mean, variance: Math.max(0, squares / this.#total - mean * mean) };
  }

  record(now: number): HistogramRecord {
    const heaviest = this.#weights.reduce((most, weight) => Math.max(most, weight), 0);
    const buckets: [number, number][] = [];
    for (const [at, weight] of this.#weights.entries()) {
      const kept = heaviest > 0 ? Math.round((weight / heaviest) * 1e6) / 1e3 : 0;
      if (kept > 0) buckets.push([at, kept]);
    }
    return { buckets, scale: heaviest / 2 ** ((now - this.#reference) / this.#shape.halfLifeMs), at: now };
  }

  /** Buckets and weights that make no sense are left out. */
  static from(shape: HistogramShape, record: HistogramRecord): DecayingHistogram {
    const histogram = new DecayingHistogram(shape, record.at);
    const scale = Number.isFinite(record.scale) && record.scale > 0 ? record.scale : 0;
    for (const [at, thousandths] of record.buckets) {
      const weight = (thousandths / 1000) * scale;
      if (!Number.isInteger(at) || at < 0 || at >= histogram.#weights.length || !(weight > 0)) continue;
      histogram.#weights[at] = weight;
      histogram.#total += weight;
    }
    return histogram;
  }

  #shift(now: number): void {
    const factor = 2 ** -((now - this.#reference) / this.#shape.halfLifeMs);
    this.#total = 0;
    for (const [at, weight] of this.#weights.entries()) {
      this.#weights[at] = weight * factor;
      this.#total += weight * factor;
    }
    this.#reference = now;
  }
}

/** End of bucket n: first x (1 + 1.05 + ... + 1.05^n). */
function endOf({ first }: HistogramShape, at: number): number {
  return (first * (GROWTH ** (at + 1) - 1)) / (GROWTH - 1);
}

function bucketOf({ first }: HistogramShape, value: number): number {
  const at = Math.log1p((value * (GROWTH - 1)) / first) / Math.log(GROWTH);
  // A value at the end of a bucket belongs to it.
  return Math.max(0, Math.ceil(at - 1e-9) - 1);
}
