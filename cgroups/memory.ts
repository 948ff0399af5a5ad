// The memory controller: memory.max, memory.swap.max, memory.oom.group, and the counters.
import { counter, limit } from './keyed.js';
import type { CgroupStats, Limits, Value } from './types.js';

export const NEEDS = ['memory'] as const;

export const DEFAULTS: readonly Value[] = [
  { file: 'memory.max', value: 'max' },
  { file: 'memory.swap.max', value: 'max' },
  { file: 'memory.oom.group', value: '0' },
];

export type MemoryStats = NonNullable<CgroupStats['memory']>;

/** Texts of the files of the same name; peak exists since Linux 5.19, swap only where the kernel has swap. */
export interface MemoryFiles {
  readonly current: string;
  readonly max: string;
  readonly events: string;
  readonly peak?: string | undefined;
  readonly swap?: string | undefined;
}

/**
 * memory.high is never among them: without swap or page cache to give back it stalls a workload for ever instead of
 * killing it. oom.group is on unless refused: half a killed workload helps nobody.
 */
export function memoryValues(limits: Limits): Value[] {
  const { memory } = limits;
  if (memory === undefined) return [];
  const values: Value[] = [];
  if (memory.max !== undefined) values.push({ file: 'memory.max', value: String(memory.max) });
  if (memory.swapMax !== undefined) values.push({ file: 'memory.swap.max', value: String(memory.swapMax) });
  values.push({ file: 'memory.oom.group', value: memory.oomGroup === false ? '0' : '1' });
  return values;
}

export function parseMemoryEvents(text: string): MemoryStats['events'] {
  return {
    high: counter(text, 'high'),
    max: counter(text, 'max'),
    oom: counter(text, 'oom'),
    oomKill: counter(text, 'oom_kill'),
    oomGroupKill: counter(text, 'oom_group_kill'),
  };
}

/** Bytes. */
export function parseMemory(files: MemoryFiles): MemoryStats {
  return {
    current: Number.parseInt(files.current, 10),
    max: limit(files.max),
    events: parseMemoryEvents(files.events),
    ...(files.peak === undefined ? {} : { peak: Number.parseInt(files.peak, 10) }),
    ...(files.swap === undefined ? {} : { swap: Number.parseInt(files.swap, 10) }),
  };
}
