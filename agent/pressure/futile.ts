// Futile reclaim: a cgroup above memory.high with nothing to reclaim is put to sleep with each allocation, for up to two
// seconds at a time (mem_cgroup_handle_over_high), and neither dies nor gets on. The kernel sees no fault in that and
// counts no oom; found in production after 90 minutes. Pure.
import { counter } from '../../cgroups/keyed.js';
import { limitOf, pressureOf } from './format.js';

/** Counters of one cgroup at one moment. `at`: ms; sizes in bytes, `max` without a bound; stall in microseconds. */
export interface FutileSample {
  readonly at: number;
  readonly high: number | 'max';
  readonly max: number | 'max';
  readonly current: number;
  /** memory.events */
  readonly highEvents: number;
  readonly maxEvents: number;
  /** memory.stat, pages. */
  readonly scanned: number;
  readonly reclaimed: number;
  /** memory.pressure */
  readonly fullUsec: number;
}

export interface FutileSettings {
  readonly windowMs: number;
  readonly stalled: number;
  readonly efficiency: number;
}

/** Why reclaim is futile, with what it was seen by; over the window. */
export interface FutileFinding {
  readonly ms: number;
  readonly highEvents: number;
  readonly scanned: number;
  readonly reclaimed: number;
  /** Share of the window. */
  readonly stalled: number;
  readonly high: number;
  readonly current: number;
}

export interface FutileFiles {
  readonly high: string;
  readonly max: string;
  readonly current: string;
  readonly events: string;
  readonly stat: string;
  readonly pressure: string;
}

/** Of the texts of memory.high, memory.max, memory.current, memory.events, memory.stat and memory.pressure. */
export function parseFutile(files: FutileFiles, at: number): FutileSample {
  return {
    at,
    high: limitOf(files.high),
    max: limitOf(files.max),
    current: Number.parseInt(files.current, 10),
    highEvents: counter(files.events, 'high'),
    maxEvents: counter(files.events, 'max'),
    scanned: counter(files.stat, 'pgscan'),
    reclaimed: counter(files.stat, 'pgsteal'),
    fullUsec: pressureOf(files.pressure).fullUsec,
  };
}

/** Whether memory.high can stall it at all: below memory.max, where the kernel would kill instead. */
export function isArmed({ high, max }: Pick<FutileSample, 'high' | 'max'>): boolean {
  return high !== 'max' && (max === 'max' || high < max);
}

/**
 * `samples` of one cgroup in order of time. Undefined: it gets on, or the samples do not yet span the window. Only the
 * window that ends with the last of them is judged, so that a long stall is found however long it has been watched.
 */
export function futile(samples: readonly FutileSample[], settings: FutileSettings): FutileFinding | undefined {
  const last = samples.at(-1);
  if (last === undefined || !isArmed(last) || last.high === 'max') return undefined;
  const first = samples.findLast(({ at }) => last.at - at >= settings.windowMs);
  if (first === undefined) return undefined;
  const ms = last.at - first.at;
  const highEvents = last.highEvents - first.highEvents;
  const scanned = last.scanned - first.scanned;
  const reclaimed = last.reclaimed - first.reclaimed;
  const stalled = (last.fullUsec - first.fullUsec) / 1000 / ms;
  const useless = scanned === 0 ? reclaimed === 0 : reclaimed / scanned < settings.efficiency;
  const grips = highEvents > 0 && last.maxEvents === first.maxEvents;
  if (!grips || !useless || stalled <= settings.stalled) return undefined;
  return { ms, highEvents, scanned, reclaimed, stalled, high: last.high, current: last.current };
}

/** Those of `samples` that a later judgement can still need: one before the window, and all in it. */
export function kept(samples: readonly FutileSample[], windowMs: number): readonly FutileSample[] {
  const last = samples.at(-1);
  if (last === undefined) return samples;
  const from = samples.findLastIndex(({ at }) => last.at - at >= windowMs);
  return from <= 0 ? samples : samples.slice(from);
}
