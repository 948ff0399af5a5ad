// Who would have to go so that something fits: few, and those first that were promised least. Pure.
import type { Victim } from '../service.js';
import { DIMENSION_NAMES, indexOf, isDimension } from './dimensions.js';
import type { Hold } from './ledger.js';
import type { Shortage } from './refusal.js';

export interface Candidate extends Victim {
  readonly hold: Hold;
  /** Use over request: 1 as promised, more is more; undefined: not measured. */
  readonly excess?: number;
}

const RANK: Readonly<Record<Victim['class'], number>> = { besteffort: 0, burstable: 1, guaranteed: 2 };

/** The order of eviction: lowest class, lowest priority, highest use over request. */
export function byPromise(a: Candidate, b: Candidate): number {
  return (
    RANK[a.class] - RANK[b.class] ||
    a.priority - b.priority ||
    (b.excess ?? 0) - (a.excess ?? 0) ||
    (a.id < b.id ? -1 : 1)
  );
}

/** Whether `a` may have to make room for `b`. */
export function yieldsTo(a: Pick<Victim, 'class' | 'priority'>, b: Pick<Victim, 'class' | 'priority'>): boolean {
  return RANK[a.class] < RANK[b.class] || (RANK[a.class] === RANK[b.class] && a.priority < b.priority);
}

/**
 * Workloads without which nothing is short, none of them needlessly: taken in the order of eviction until it is enough,
 * then those given back, the best first, that are not needed after all. Null: all of them would not do.
 */
export function makeRoom(shortages: readonly Shortage[], candidates: readonly Candidate[]): Candidate[] | null {
  const missing = shortages.map(({ short }) => short);
  const taken: Candidate[] = [];
  const gives = (candidate: Candidate, at: number): number => {
    const shortage = shortages[at];
    return shortage === undefined ? 0 : share(candidate.hold, shortage);
  };
  for (const candidate of [...candidates].sort(byPromise)) {
    if (missing.every((short) => short <= 0)) break;
    if (!missing.some((short, at) => short > 0 && gives(candidate, at) > 0)) continue;
    taken.push(candidate);
    for (const at of missing.keys()) missing[at] = (missing[at] ?? 0) - gives(candidate, at);
  }
  if (missing.some((short) => short > 0)) return null;
  for (const candidate of [...taken].reverse()) {
    if (missing.some((short, at) => short + gives(candidate, at) > 0)) continue;
    for (const at of missing.keys()) missing[at] = (missing[at] ?? 0) + gives(candidate, at);
    taken.splice(taken.indexOf(candidate), 1);
  }
  return taken;
}

/** What a workload has of the very thing that is short. */
function share({ demand, charge }: Hold, { scope, dimension }: Shortage): number {
  const [kind, name] = scope.split('/');
  if (!isDimension(dimension) || kind === 'bridge')
    return demand.extras.find((extra) => extra.scope === scope)?.amount ?? 0;
  const at = indexOf(dimension);
  if (kind === 'host') return charge[at] ?? 0;
  const inScope = kind === 'tenant' ? demand.tenant === name : demand.kind === name;
  return inScope ? (demand.amounts[at] ?? 0) : 0;
}

/** What a tenant has above its quotas, which were lowered under its use. */
export function excessOf(tenant: string, quota: Float64Array, held: (at: number) => number): Shortage[] {
  return DIMENSION_NAMES.flatMap((dimension, at) => {
    const limit = quota[at] ?? Number.POSITIVE_INFINITY;
    const used = held(at);
    if (used <= limit) return [];
    return [{ scope: `tenant/${tenant}`, dimension, limit, used, requested: 0, short: used - limit, keptFree: 0 }];
  });
}
