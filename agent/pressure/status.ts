// The engine as others see it: the command, the metrics, the doctor.
import type { Value } from '../../cgroups/types.js';
import type { PressureConfig } from '../config/pressure.js';
import type { Ladder } from './scopes.js';
import type { Unobserved } from './triggers.js';
import type { ActionKind, Applied, Level, Resource, ScopeName } from './types.js';

export interface ScopeStatus {
  readonly scope: ScopeName;
  readonly resource: Resource;
  readonly level: Level;
  /** How long it has had this level, ms. */
  readonly forMs: number;
  /** As last measured, ms per second. */
  readonly some: number;
  readonly full: number;
  readonly applied: readonly {
    readonly workload: string;
    readonly step: Applied['step'];
    readonly values: readonly Value[];
    readonly bytes: number;
  }[];
  /** Until the next step up may be taken, ms; 0: now. */
  readonly coolDownMs: number;
  /** Why nothing was done at the last look; null: something was, or nothing had to be. */
  readonly idle: string | null;
}

export interface PressureStatus {
  readonly mode: PressureConfig['mode'];
  /** Those that are not calm. All others are. */
  readonly scopes: readonly ScopeStatus[];
  readonly counts: readonly { readonly action: ActionKind; readonly dryRun: boolean; readonly count: number }[];
  /** Cgroups found in futile reclaim since the start of the agent. */
  readonly futile: number;
  /** Scopes without a trigger of the kernel. */
  readonly unobserved: readonly Pick<Unobserved, 'key' | 'reason' | 'crowded'>[];
}

export function statusOf(
  ladders: readonly Ladder[],
  now: number,
  rest: Omit<PressureStatus, 'scopes'>,
): PressureStatus {
  const scopes = ladders.filter(({ state }) => state.level !== 'calm').map((ladder) => scopeStatus(ladder, now));
  return { ...rest, scopes };
}

function scopeStatus({ scope, resource, stall, state, settings }: Ladder, now: number): ScopeStatus {
  const left = (since: number | null, ms: number): number => (since === null ? 0 : Math.max(0, since + ms - now));
  return {
    ...{ scope, resource, level: state.level, forMs: now - state.since, some: stall.some, full: stall.full },
    applied: state.applied.map(({ target, step, values, bytes }) => ({ workload: target, step, values, bytes })),
    coolDownMs: Math.max(left(state.lastUp, settings.coolDownMs), left(state.lastKill, settings.afterKillMs)),
    idle: state.idle,
  };
}
