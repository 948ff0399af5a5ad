// How a host behaves, as simple as it can be and still have storms. Every figure here is an assumption; the report repeats them.

/** What a host is asked for in one moment, and what it has. Cores and bytes. */
export interface Load {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly cpuWanted: number;
  readonly memoryUsed: number;
}

export interface Condition {
  /** Share of what it wants that each one gets: processor sharing. */
  readonly share: number;
  /** How fast work gets on, compared with a host of one's own. */
  readonly progress: number;
  /** Lines `some` of /proc/pressure, 0-1. */
  readonly cpuPressure: number;
  readonly memoryPressure: number;
}

export interface ModelSettings {
  /** Loss by switching and cold caches for each runnable task a core has too many, 0: none. */
  readonly contention: number;
}

/** Reclaim begins to hurt here, and stalls everything at the end of memory. */
const RECLAIM_FROM = 0.9;
const STALL_MOST = 0.9;

/**
 * The kernel adds pressure up per cpu: a cpu with one runnable task stalls nobody, one with two always somebody. With tasks
 * spread evenly that is the part of the cpus that has more than one (kernel/sched/psi.c, collect_percpu_times).
 */
export function conditionOf(load: Load, { contention }: ModelSettings): Condition {
  const ratio = load.cpuWanted / load.cores;
  const share = ratio > 1 ? 1 / ratio : 1;
  const excess = Math.max(0, ratio - 1);
  const full = load.memoryUsed / load.memoryBytes;
  const stall = Math.min(STALL_MOST, Math.max(0, ((full - RECLAIM_FROM) / (1 - RECLAIM_FROM)) * STALL_MOST));
  return {
    share,
    progress: (share / (1 + contention * excess)) * (1 - stall),
    cpuPressure: Math.min(1, excess),
    memoryPressure: stall,
  };
}

/** Mean-reverting walk in steps of ten seconds: about `aim`, never outside the limits. */
export function walk(value: number, aim: number, least: number, most: number, noise: number): number {
  return Math.min(most, Math.max(least, value + (aim - value) * 0.05 + aim * 0.06 * noise));
}
