// Counters of one workload's cgroup by resource, as read at one moment, and what two readings say of its use.
import { parseIoStat } from '../../cgroups/io.js';
import { counter } from '../../cgroups/keyed.js';
import type { CgroupStats } from '../../cgroups/types.js';
import { limitOf } from './format.js';
import { MIN_MS, NO_STALL, stallRate } from './rates.js';
import type { Stall } from './reading.js';
import type { Resource, Target, Usage } from './types.js';

/** Each resource was read at a moment of its own, or not at all. Totals of stall in microseconds. */
export interface Counters {
  readonly memory?: MemoryCounters;
  readonly cpu?: CpuCounters;
  readonly io?: IoCounters;
}

interface Read {
  /** Milliseconds. */
  readonly at: number;
  readonly stall: Stall;
}

interface MemoryCounters extends Read {
  readonly bytes: number;
  readonly maxEvents: number;
  readonly highEvents: number;
  readonly reclaimable: number;
}

interface CpuCounters extends Read {
  readonly usec: number;
  readonly throttledUsec: number;
}

interface IoCounters extends Read {
  readonly bytes: number;
}

/** What the sampler has read; of io it says nothing here. */
export function countersOf(at: number, { memory, cpu, pressure }: CgroupStats): Counters {
  const stall = (resource: Resource): Stall => {
    const { someUsec = 0, fullUsec = 0 } = pressure?.[resource] ?? {};
    return { some: someUsec, full: fullUsec };
  };
  return {
    memory: {
      ...{ at, stall: stall('memory'), bytes: memory?.current ?? 0, reclaimable: 0 },
      ...{ maxEvents: memory?.events.max ?? 0, highEvents: memory?.events.high ?? 0 },
    },
    cpu: { at, stall: stall('cpu'), usec: cpu?.usageUsec ?? 0, throttledUsec: cpu?.throttledUsec ?? 0 },
  };
}

export function cpuCounters(at: number, stall: Stall, stat: string): CpuCounters {
  return { at, stall, usec: counter(stat, 'usage_usec'), throttledUsec: counter(stat, 'throttled_usec') };
}

/** `read`: the text of a file of the cgroup, empty where there is none. `swapFree`: of the host, bytes. */
export function memoryCounters(
  at: number,
  stall: Stall,
  read: (file: string) => string,
  swapFree: number,
): MemoryCounters {
  const events = read('memory.events');
  return {
    ...{ at, stall, bytes: Number(read('memory.current')) },
    ...{ maxEvents: counter(events, 'max'), highEvents: counter(events, 'high') },
    reclaimable: reclaimableOf(read('memory.stat'), swapRoom(read, swapFree)),
  };
}

export function ioBytes(stat: string): number {
  const { readBytes, writeBytes } = parseIoStat(Buffer.from(stat, 'latin1'));
  return readBytes + writeBytes;
}

/** Of a resource that was not read there is nothing. */
export function usageBetween({ limit }: Target, before: Counters, now: Counters, resource: Resource): Usage {
  const { memory, cpu, io } = now;
  const growth = rate(before.memory, memory, ({ bytes }) => bytes);
  const limited: Readonly<Record<Resource, boolean>> = {
    // Above memory.high the kernel makes it wait, whatever the host has left: that is its limit, too.
    memory:
      atLimit(memory?.bytes ?? 0, limit.memory ?? 'max') ||
      rate(before.memory, memory, ({ maxEvents, highEvents }) => maxEvents + highEvents) > 0,
    cpu: rate(before.cpu, cpu, ({ throttledUsec }) => throttledUsec) > 0,
    io: limit.io,
  };
  return {
    ...{ memory: memory?.bytes ?? 0, growth, reclaimable: memory?.reclaimable ?? 0 },
    cpu: rate(before.cpu, cpu, ({ usec }) => usec) / 1e6,
    io: rate(before.io, io, ({ bytes }) => bytes),
    ...stallBetween(before[resource], now[resource]),
    selfLimited: limited[resource],
  };
}

export function stallBetween(before: Read | undefined, now: Read | undefined): Stall {
  return before === undefined || now === undefined ? NO_STALL : stallRate(before.stall, now.stall, now.at - before.at);
}

/** A second; 0 where there is nothing before, or it was only just. */
function rate<T extends Read>(before: T | undefined, now: T | undefined, of: (one: T) => number): number {
  if (before === undefined || now === undefined || now.at - before.at < MIN_MS) return 0;
  return ((of(now) - of(before)) / (now.at - before.at)) * 1000;
}

/** Within two percent: reclaim at a limit never leaves it quite full. */
export function atLimit(current: number, max: number | 'max'): boolean {
  return max !== 'max' && current >= max * 0.98;
}

function reclaimableOf(stat: string, swap: number): number {
  const file = counter(stat, 'inactive_file') + counter(stat, 'active_file');
  return file + Math.min(counter(stat, 'anon'), swap);
}

function swapRoom(read: (file: string) => string, free: number): number {
  const current = read('memory.swap.current');
  if (current === '') return 0;
  const max = limitOf(read('memory.swap.max'));
  return max === 'max' ? free : Math.max(0, Math.min(free, max - Number(current)));
}
