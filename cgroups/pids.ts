// The pids controller. It counts threads as well as processes.
import { counter, limit } from './keyed.js';
import type { CgroupStats, Limits, Value } from './types.js';

export const NEEDS = ['pids'] as const;

export const DEFAULTS: readonly Value[] = [{ file: 'pids.max', value: 'max' }];

export interface PidsFiles {
  readonly current: string;
  readonly max: string;
  readonly events: string;
}

export function pidsValues(limits: Limits): Value[] {
  const max = limits.pids?.max;
  return max === undefined ? [] : [{ file: 'pids.max', value: String(max) }];
}

/** maxEvents: forks refused because of pids.max, in this cgroup and below. */
export function parsePids(files: PidsFiles): NonNullable<CgroupStats['pids']> {
  return {
    current: Number.parseInt(files.current, 10),
    max: limit(files.max),
    maxEvents: counter(files.events, 'max'),
  };
}
