// Prediction on this host: what the ledger promises, what the sampler has read, a checkpoint in the state directory.
import { indexOf, outward } from '../../model/dimensions.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { DamagedCheckpoint } from '../checkpoint.js';
import type { Ledger } from '../ledger.js';
import { steadyWall } from '../steady-wall.js';
import type { Measured } from '../usage.js';
import { Checkpoint } from './checkpoint.js';
import { LivePrediction } from './live.js';
import { type Observed, type PredictionPorts, PredictionService } from './prediction.js';
import type { Counters } from './rates.js';

export interface PredictionWorld {
  /** Where the checkpoint is. */
  readonly state: string;
  readonly ledger: Pick<Ledger, 'hold'>;
  workloads(): Iterable<Pick<WorkloadRecord, 'id' | 'spec' | 'state'>>;
  /** The last sample, and when it was taken: ms of a clock that never goes back. */
  latest(id: string): { readonly at: number; readonly stats: Measured | undefined } | undefined;
  onDamaged(damaged: DamagedCheckpoint): void;
  onError(error: unknown, message: string): void;
  /** Default: that of the system. */
  readonly clock?: PredictionClock;
}

type PredictionClock = Pick<PredictionPorts, 'now' | 'setTimer'>;

function systemClock(): PredictionClock {
  return {
    now: steadyWall().now,
    setTimer: (ms, run) => {
      const timer = setTimeout(run, ms).unref();
      return () => clearTimeout(timer);
    },
  };
}

/** It is off until it is configured. */
export function openPrediction(world: PredictionWorld): LivePrediction {
  const { state, onDamaged, onError, clock = systemClock() } = world;
  return new LivePrediction(
    () =>
      new PredictionService({
        checkpoint: new Checkpoint(state),
        observed: () => observed(world),
        ...{ now: clock.now, setTimer: clock.setTimer, onDamaged, onError },
      }),
  );
}

/** Those that hold a share of the ledger: reservations and what is over promise nothing that is used. */
function observed({ workloads, ledger, latest }: PredictionWorld): Observed[] {
  return [...workloads()].flatMap(({ id, spec, state }) => {
    const hold = ledger.hold(id);
    if (hold?.phase !== 'committed') return [];
    const of = (name: 'cpu' | 'memory') => outward(name, hold.demand.amounts[indexOf(name)] ?? 0);
    const counters = state === 'running' ? countersOf(latest(id)) : undefined;
    return [{ id, spec, promised: { cpu: of('cpu'), memory: of('memory') }, counters }];
  });
}

function countersOf(latest: ReturnType<PredictionWorld['latest']>): Counters | undefined {
  const [cpu, memory] = [latest?.stats?.cpu?.usageUsec, latest?.stats?.memory?.current];
  if (latest === undefined || cpu === undefined || memory === undefined) return undefined;
  return { at: latest.at, cpuSeconds: cpu / 1e6, memoryBytes: memory };
}
