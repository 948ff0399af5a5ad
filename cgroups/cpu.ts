// The cpu controller: cpu.max, cpu.weight, cpu.stat.
import { counter } from './keyed.js';
import type { CgroupStats, Limits, Value } from './types.js';

export const NEEDS = ['cpu'] as const;

/** Microseconds. The kernel's own default, and what runc and systemd write. */
export const PERIOD_USEC = 100_000;

/** kernel/sched/core.c, min_cfs_quota_period: below 1 ms the write fails with EINVAL. */
const MIN_QUOTA_USEC = 1000;

/** What the kernel holds in a cgroup nobody touched; written back when a limit is taken away. */
export const DEFAULTS: readonly Value[] = [
  { file: 'cpu.max', value: `max ${PERIOD_USEC}` },
  { file: 'cpu.weight', value: '100' },
];

export function cpuValues(limits: Limits): Value[] {
  const values: Value[] = [];
  const { max, weight } = limits.cpu ?? {};
  if (max !== undefined) {
    const quota = Math.max(MIN_QUOTA_USEC, Math.round(max * PERIOD_USEC));
    values.push({ file: 'cpu.max', value: `${quota} ${PERIOD_USEC}` });
  }
  if (weight !== undefined) values.push({ file: 'cpu.weight', value: String(weight) });
  return values;
}

/**
 * `stat` is cpu.stat, microseconds. Usage is there in every cgroup; the throttling counters only with the cpu
 * controller, and are 0 without.
 */
export function parseCpuStat(stat: string): NonNullable<CgroupStats['cpu']> {
  return {
    usageUsec: counter(stat, 'usage_usec'),
    userUsec: counter(stat, 'user_usec'),
    systemUsec: counter(stat, 'system_usec'),
    periods: counter(stat, 'nr_periods'),
    throttledPeriods: counter(stat, 'nr_throttled'),
    throttledUsec: counter(stat, 'throttled_usec'),
  };
}
