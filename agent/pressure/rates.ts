// From totals of stall to shares of time.
import type { Stall } from './reading.js';

/** Counters closer together than this give no rate. */
export const MIN_MS = 200;
export const NO_STALL: Stall = { some: 0, full: 0 };

/** Of totals in microseconds `ms` apart, ms per second. */
export function stallRate(before: Stall, now: Stall, ms: number): Stall {
  if (ms < MIN_MS) return NO_STALL;
  const rate = (kind: keyof Stall): number => Math.min(1000, Math.max(0, (now[kind] - before[kind]) / ms));
  return { some: rate('some'), full: rate('full') };
}
