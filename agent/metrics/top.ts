// The node at one moment as `berth top` shows it: who uses what, who waits. From the last samples; nothing is read here.
import type { PressureTotals } from '../../cgroups/types.js';
import type { GovernorStatus } from '../density/governor/types.js';
import { isSettled } from '../model/lifecycle.js';
import type { WorkloadRecord, WorkloadState } from '../model/record.js';
import type { StartWait } from '../model/start-wait.js';
import type { HostUse, PressureShares } from './host-load.js';
import type { Interval, Latest } from './sampler.js';

/** Bytes, cores, shares of time; null: not known, or no limit. */
export interface TopRow {
  readonly id: string;
  readonly tenant: string;
  readonly driver: string;
  readonly class: WorkloadRecord['spec']['class'];
  readonly state: WorkloadState;
  /** Unix ms of this state. */
  readonly since: number;
  readonly restarts: number;
  readonly waiting: StartWait | null;
  /** In use between the last two samples. */
  readonly cpu: number | null;
  readonly cpuLimit: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly pids: number | null;
  readonly pressure: PressureShares;
}

export interface TopDocument {
  /** Unix ms. */
  readonly at: number;
  /** Age of the last sample; null before the first. */
  readonly sampleAgeMs: number | null;
  readonly node: { readonly name: string; readonly ready: boolean; readonly cordoned: boolean };
  readonly host: HostUse;
  readonly starts: GovernorStatus;
  readonly workloads: readonly TopRow[];
}

/** The part of a record that is shown. */
export type Shown = Pick<WorkloadRecord, 'id' | 'state' | 'since' | 'restarts'> & {
  readonly spec: Pick<WorkloadRecord['spec'], 'tenant' | 'driver' | 'class' | 'resources'>;
};

/** What the samples say of one workload. */
export interface SampleView {
  latest(id: string): Latest | undefined;
  interval(id: string): Interval | undefined;
}

export function topRow(workload: Shown, samples: SampleView, waiting: StartWait | undefined): TopRow {
  const { id, spec, state, since, restarts } = workload;
  // The sampler keeps the last figures of what is gone; they are no use of now.
  const latest = isSettled(state) ? undefined : samples.latest(id);
  const interval = isSettled(state) ? undefined : samples.interval(id);
  const memory = latest?.stats?.memory;
  return {
    ...{ id, tenant: spec.tenant, driver: spec.driver, class: spec.class, state, since, restarts },
    waiting: waiting ?? null,
    cpu: interval === undefined ? null : coresBetween(interval),
    cpuLimit: spec.resources.cpu?.limit ?? null,
    memoryBytes: memory?.current ?? null,
    memoryLimitBytes: typeof memory?.max === 'number' ? memory.max : (spec.resources.memory?.limit ?? null),
    pids: latest?.stats?.pids?.current ?? null,
    pressure: {
      cpu: shareBetween(interval, 'cpu'),
      memory: shareBetween(interval, 'memory'),
      io: shareBetween(interval, 'io'),
    },
  };
}

/** Null: no such controller, or it was started anew between the two. */
function coresBetween({ before, latest }: Interval): number | null {
  const [from, to] = [before.stats?.cpu?.usageUsec, latest.stats?.cpu?.usageUsec];
  const ms = latest.at - before.at;
  return from === undefined || to === undefined || to < from || ms <= 0 ? null : (to - from) / (ms * 1000);
}

function shareBetween(interval: Interval | undefined, resource: keyof PressureShares): number | null {
  if (interval === undefined) return null;
  const { before, latest } = interval;
  const of = (one: Latest): PressureTotals | undefined => one.stats?.pressure?.[resource];
  const [from, to] = [of(before)?.someUsec, of(latest)?.someUsec];
  const ms = latest.at - before.at;
  if (from === undefined || to === undefined || to < from || ms <= 0) return null;
  return Math.min(1, (to - from) / (ms * 1000));
}
