// Throttled although on average less than half of the limit is used: threads that wake together spend the quota of a period
// in a moment and then wait for the next. Known from Kubernetes for years (kubernetes#67577); what helps is a burst, and
// where that is used up already, a higher limit. Pure.
import type { CgroupStats } from '../../cgroups/types.js';

/** cpu.stat at a moment; ms of a clock that only goes forward. */
export interface CpuReading {
  readonly at: number;
  readonly cpu: NonNullable<CgroupStats['cpu']>;
}

/** Of the workload: cores, microseconds. */
export interface CpuQuota {
  readonly cores: number;
  readonly periodUsec: number;
  readonly burstUsec: number;
}

export interface ThrottlingAdvice {
  /** 0-1: of the periods with anything to run. */
  readonly throttled: number;
  /** 0-1: of the limit. */
  readonly used: number;
  /** Seconds of waiting in the time looked at. */
  readonly waited: number;
  /** What to change in the spec, e.g. `resources.cpu.burst = "50ms"`. */
  readonly change: string;
}

const LEAST_MS = 10_000;
const THROTTLED = 0.05;
const USED = 0.5;

/** Undefined: nothing to say, or not looked at for long enough. */
export function throttlingAdvice(
  before: CpuReading,
  after: CpuReading,
  { cores, periodUsec, burstUsec }: CpuQuota,
): ThrottlingAdvice | undefined {
  const elapsed = after.at - before.at;
  const periods = after.cpu.periods - before.cpu.periods;
  const throttledPeriods = after.cpu.throttledPeriods - before.cpu.throttledPeriods;
  if (elapsed < LEAST_MS || periods <= 0) return undefined;
  const throttled = throttledPeriods / periods;
  const used = (after.cpu.usageUsec - before.cpu.usageUsec) / (elapsed * 1000 * cores);
  if (throttled < THROTTLED || used >= USED) return undefined;
  const waitedUsec = after.cpu.throttledUsec - before.cpu.throttledUsec;
  const quotaUsec = Math.round(cores * periodUsec);
  const change =
    burstUsec < quotaUsec
      ? `resources.cpu.burst = "${quotaUsec / 1000}ms"`
      : `resources.cpu.limit = ${enough(cores, waitedUsec / throttledPeriods / periodUsec)}`;
  return { throttled, used, waited: waitedUsec / 1e6, change };
}

/** The part of a period spent waiting is what the limit is short of; to a tenth of a core. */
function enough(cores: number, waiting: number): number {
  return Math.ceil(cores * (1 + Math.min(1, waiting)) * 10) / 10;
}
