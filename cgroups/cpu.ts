// The cpu controller: share, quota, burst, utilisation clamps, and cpu.stat.
import type { Controller } from './controller.js';
import { Keys } from './keyed.js';
import type { CgroupStats, Limits, Value } from './types.js';

/** Microseconds. The kernel's own default, and what runc and systemd write. */
export const PERIOD_USEC = 100_000;

/** kernel/sched/core.c, min_cfs_quota_period: below 1 ms the write fails with EINVAL. */
export const MIN_QUOTA_USEC = 1000;

export const cpu: Controller = {
  name: 'cpu',
  defaults: {
    'cpu.max': `max ${PERIOD_USEC}`,
    'cpu.max.burst': '0',
    'cpu.weight': '100',
    'cpu.idle': '0',
    'cpu.uclamp.min': '0.00',
    'cpu.uclamp.max': 'max',
  },
  optional: {
    'cpu.max': 'CONFIG_CFS_BANDWIDTH',
    'cpu.max.burst': 'Linux 5.14',
    'cpu.idle': 'Linux 5.15',
    'cpu.uclamp.min': 'CONFIG_UCLAMP_TASK_GROUP',
    'cpu.uclamp.max': 'CONFIG_UCLAMP_TASK_GROUP',
  },
  values(limits: Limits): Value[] {
    const { max, burst, weight, idle, uclampMin, uclampMax } = limits.cpu ?? {};
    const period = periodOf(limits);
    const values: Value[] = [];
    const quota = max === undefined ? undefined : Math.round(max * period);
    if (quota !== undefined || limits.cpu?.period !== undefined) {
      values.push({ file: 'cpu.max', value: `${quota ?? 'max'} ${period}` });
    }
    if (burst !== undefined) {
      values.push({ file: 'cpu.max.burst', value: String(Math.min(burst, quota ?? Number.POSITIVE_INFINITY)) });
    }
    if (idle !== undefined) values.push({ file: 'cpu.idle', value: idle ? '1' : '0' });
    // An idle group has no weight: the write fails with EINVAL (kernel/sched/fair.c, sched_group_set_shares).
    if (weight !== undefined && idle !== true) values.push({ file: 'cpu.weight', value: String(weight) });
    if (uclampMin !== undefined) values.push({ file: 'cpu.uclamp.min', value: percent(uclampMin) });
    if (uclampMax !== undefined) values.push({ file: 'cpu.uclamp.max', value: percent(uclampMax) });
    return values;
  },
};

/** As asked for; longer where the quota would be too short for the kernel, so that the share stays what it is. */
function periodOf({ cpu: { max, period = PERIOD_USEC } = {} }: Limits): number {
  return max !== undefined && max * period < MIN_QUOTA_USEC ? Math.ceil(MIN_QUOTA_USEC / max) : period;
}

/** Two digits after the point are all that the kernel keeps. */
function percent(value: number): string {
  return value >= 100 ? 'max' : value.toFixed(2);
}

const STAT = new Keys([
  'usage_usec',
  'user_usec',
  'system_usec',
  'nr_periods',
  'nr_throttled',
  'throttled_usec',
  'nr_bursts',
  'burst_usec',
]);

/**
 * cpu.stat. Usage is there in every cgroup; the throttling counters only with the cpu controller, and are 0 without.
 * Bursts: Linux 5.14.
 */
export function parseCpuStat(bytes: Uint8Array, end: number = bytes.length): NonNullable<CgroupStats['cpu']> {
  const [usage = 0, user = 0, system = 0, periods = 0, throttled = 0, throttledUsec = 0, bursts = -1, burstUsec = 0] =
    STAT.read(bytes, end);
  const stat = {
    usageUsec: Math.max(0, usage),
    userUsec: Math.max(0, user),
    systemUsec: Math.max(0, system),
    periods: Math.max(0, periods),
    throttledPeriods: Math.max(0, throttled),
    throttledUsec: Math.max(0, throttledUsec),
  };
  return bursts < 0 ? stat : { ...stat, bursts, burstUsec };
}
