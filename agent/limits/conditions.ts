// What the doctor is told of limits, in sentences.
import type { CgroupStats } from '../../cgroups/types.js';
import { sliced } from '../../linux/sliced.js';
import type { WorkloadRecord } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Contested } from './drift.js';
import type { LimitContext } from './limits.js';
import { limitsOf } from './limits.js';
import { type CpuReading, type ThrottlingAdvice, throttlingAdvice } from './throttling.js';

const DEFAULT_PERIOD_USEC = 100_000;

/** A sample of a workload's cgroup; `at` in ms of a clock that only goes forward. */
export interface Sampled {
  readonly at: number;
  readonly stats: CgroupStats | undefined;
}

/** Compares the samples of one look with those of the look before. */
export class ThrottlingWatch {
  readonly #context: LimitContext;
  readonly #before = new Map<string, CpuReading>();
  readonly #advice = new Map<string, ThrottlingAdvice>();

  constructor(context: LimitContext) {
    this.#context = context;
  }

  /** What the last look found, by workload. */
  advice(): ReadonlyMap<string, ThrottlingAdvice> {
    return this.#advice;
  }

  /** Best once a minute: shorter times show bursts, not habits. */
  async look(records: readonly WorkloadRecord[], latest: (id: string) => Sampled | undefined): Promise<void> {
    const known = new Set(records.map(({ id }) => id));
    for (const id of this.#before.keys()) if (!known.has(id)) this.#forget(id);
    for await (const { id, spec } of sliced(records)) {
      const sample = latest(id);
      const cpu = sample?.stats?.cpu;
      const cores = spec.resources.cpu?.limit;
      if (sample === undefined || cpu === undefined || cores === undefined) {
        this.#forget(id);
        continue;
      }
      const now: CpuReading = { at: sample.at, cpu };
      const before = this.#before.get(id);
      const advice = before === undefined ? undefined : throttlingAdvice(before, now, this.#quota(spec, cores));
      if (advice === undefined) this.#advice.delete(id);
      else this.#advice.set(id, advice);
      this.#before.set(id, now);
    }
  }

  #quota(spec: WorkloadSpec, cores: number): Parameters<typeof throttlingAdvice>[2] {
    const { period = DEFAULT_PERIOD_USEC, burst = 0 } = limitsOf(spec, 0, this.#context).cpu ?? {};
    return { cores, periodUsec: period, burstUsec: burst };
  }

  #forget(id: string): void {
    this.#before.delete(id);
    this.#advice.delete(id);
  }
}

export interface LimitFindings {
  readonly contested: readonly Contested[];
  readonly unwatched: number;
  readonly refusedTenants: ReadonlyMap<string, string>;
  readonly throttling: ReadonlyMap<string, ThrottlingAdvice>;
  readonly records: readonly WorkloadRecord[];
  readonly swapBytes: number;
  readonly leaks: readonly string[];
}

export function limitStatus(found: LimitFindings): LimitStatus {
  return {
    contested: found.contested.map(({ key, file, wanted, got }) => `${key}: ${file} is ${got}, wanted ${wanted}`),
    unwatched: found.unwatched,
    tenants: [...found.refusedTenants].map(([tenant, why]) => `${tenant}: ${why}`),
    throttled: [...found.throttling].map(([id, advice]) => `${id}: ${advised(advice)}`),
    high: found.records.filter(({ spec }) => isFutile(spec, found.swapBytes)).map(({ id }) => id),
    leaks: found.leaks,
  };
}

function advised({ throttled, used, waited, change }: ThrottlingAdvice): string {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return `throttled in ${percent(throttled)} of its periods, ${waited.toFixed(1)} s in all, while using ${percent(used)}; ${change} would help`;
}

/** Files can be given back, too, but nobody promises that there are any. */
function isFutile({ resources: { memory }, class: name }: WorkloadSpec, swapBytes: number): boolean {
  if (memory?.high === undefined) return false;
  return swapBytes === 0 || memory.swap === 0 || (memory.swap === undefined && name === 'guaranteed');
}

/** Each a list of sentences for people; empty: all is well. */
export interface LimitStatus {
  /** Files that somebody else keeps changing. */
  readonly contested: readonly string[];
  /** Cgroups that cannot be watched. */
  readonly unwatched: number;
  /** Tenants whose memory cannot go down to its limit. */
  readonly tenants: readonly string[];
  /** Throttled although little is used, with the change that would cure it. */
  readonly throttled: readonly string[];
  /** memory.high asked for where nothing can be given back. */
  readonly high: readonly string[];
  /** Directories that cannot be removed. */
  readonly leaks: readonly string[];
}
