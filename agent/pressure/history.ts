// The last minute of pressure of every scope, for the record of a death: who looks after it needs to know how it came to it.
// One block of numbers per scope, so that a thousand of them are a thousand objects and not a quarter of a million.
import type { CgroupStats } from '../../cgroups/types.js';
import type { PressurePoint } from '../model/record.js';

/** What of a sample is kept; CgroupStats is one. */
export interface PressureSample {
  readonly memory?: { readonly current: number };
  readonly pressure?: NonNullable<CgroupStats['pressure']>;
}

/** Seconds kept; no more than one point is kept of each. */
const SECONDS = 60;
/** at, six shares, bytes */
const FIELDS = 8;
/** Less than this says little, and would push out what happened a minute ago. */
const MIN_MS = 500;
const RESOURCES = ['cpu', 'memory', 'io'] as const;

interface Ring {
  readonly points: Float64Array;
  /** Totals of the last reading, microseconds: some and full of each resource. NaN: there is none. */
  readonly totals: Float64Array;
  at: number;
  next: number;
  length: number;
}

export class PressureHistory {
  readonly #rings = new Map<string, Ring>();

  /** `id`: of a workload, or the name of another scope. Samples may come at any pace. */
  record(id: string, at: number, sample: PressureSample): void {
    let ring = this.#rings.get(id);
    if (ring === undefined) {
      ring = {
        ...{
          points: new Float64Array(SECONDS * FIELDS),
          totals: new Float64Array(RESOURCES.length * 2).fill(Number.NaN),
        },
        ...{ at: Number.NEGATIVE_INFINITY, next: 0, length: 0 },
      };
      this.#rings.set(id, ring);
    }
    // The clock was set back: what is kept has times that are yet to come.
    if (at < ring.at) Object.assign(ring, { at: Number.NEGATIVE_INFINITY, next: 0, length: 0 });
    const elapsed = at - ring.at;
    if (elapsed < MIN_MS) return;
    const { points, totals } = ring;
    const from = ring.next * FIELDS;
    points[from] = at;
    for (const [index, resource] of RESOURCES.entries()) {
      const { someUsec = Number.NaN, fullUsec = Number.NaN } = sample.pressure?.[resource] ?? {};
      points[from + 1 + index * 2] = percent(someUsec - (totals[index * 2] ?? 0), elapsed);
      points[from + 2 + index * 2] = percent(fullUsec - (totals[index * 2 + 1] ?? 0), elapsed);
      totals[index * 2] = someUsec;
      totals[index * 2 + 1] = fullUsec;
    }
    points[from + 7] = sample.memory?.current ?? Number.NaN;
    const first = ring.at === Number.NEGATIVE_INFINITY;
    ring.at = at;
    // Without a reading before there is no share.
    if (first) return;
    ring.next = (ring.next + 1) % SECONDS;
    ring.length = Math.min(ring.length + 1, SECONDS);
  }

  /** Until now nothing has changed since the last record: no point is kept of that, and the next one covers no more than itself. */
  quiet(id: string, at: number): void {
    const ring = this.#rings.get(id);
    if (ring !== undefined && at > ring.at) ring.at = at;
  }

  /** The points of the last `ms` before the newest one, the oldest first. */
  last(id: string, ms = SECONDS * 1000): PressurePoint[] {
    const ring = this.#rings.get(id);
    if (ring === undefined) return [];
    const found: PressurePoint[] = [];
    for (let back = ring.length; back > 0; back--) {
      const point = pointAt(ring.points, (ring.next - back + SECONDS) % SECONDS);
      if (ring.at - point.at < ms) found.push(point);
    }
    return found;
  }

  forget(id: string): void {
    this.#rings.delete(id);
  }

  get size(): number {
    return this.#rings.size;
  }
}

/** NaN stays NaN: one of the two readings did not have it. */
function percent(usec: number, elapsedMs: number): number {
  return Math.min(100, Math.max(0, Math.round(usec / elapsedMs) / 10));
}

function pointAt(points: Float64Array, index: number): PressurePoint {
  const field = (n: number): number => points[index * FIELDS + n] ?? Number.NaN;
  const share = (n: number): number | null => (Number.isNaN(field(n)) ? null : field(n));
  return {
    at: field(0),
    cpu: { some: share(1), full: share(2) },
    memory: { some: share(3), full: share(4) },
    io: { some: share(5), full: share(6) },
    bytes: share(7),
  };
}
