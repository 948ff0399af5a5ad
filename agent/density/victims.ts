// Who would have to go so that something fits: few, and those first that were promised least. Pure: the ledger is asked what
// it would say without them, and is as it was.
import { DIMENSION_NAMES, indexOf, isDimension } from '../model/dimensions.js';
import type { Victim } from '../model/preemption.js';
import type { Hold, Ledger } from './ledger.js';
import type { Shortage } from './refusal.js';

export interface Candidate extends Victim {
  readonly hold: Hold;
  /** Use over request: 1 as promised, more is more; undefined: not measured. */
  readonly excess?: number;
  /** It goes anyway, and costs nothing but the wait. */
  readonly leaving?: boolean;
}

type Ranked = Pick<Candidate, 'id' | 'class' | 'priority' | 'excess' | 'leaving'>;

export interface MadeRoom {
  /** In the order of eviction; without any one of them something would be short. */
  readonly victims: readonly Candidate[];
  /** What is short even without all of them; none: it is enough. */
  readonly left: readonly Shortage[];
}

/** class: the lower class yields; priority: within a class the lower priority, too. */
export type Yielding = 'class' | 'priority';

const RANK: Readonly<Record<Victim['class'], number>> = { besteffort: 0, burstable: 1, guaranteed: 2 };

/** The order of eviction: what goes anyway, lowest class, lowest priority, highest use over request. */
export function byPromise(a: Ranked, b: Ranked): number {
  return (
    Number(b.leaving ?? false) - Number(a.leaving ?? false) ||
    RANK[a.class] - RANK[b.class] ||
    a.priority - b.priority ||
    (b.excess ?? 0) - (a.excess ?? 0) ||
    (a.id < b.id ? -1 : 1)
  );
}

/** Whether `a` may have to make room for `b`. */
export function yieldsTo(
  a: Pick<Victim, 'class' | 'priority'>,
  b: Pick<Victim, 'class' | 'priority'>,
  mode: Yielding = 'priority',
): boolean {
  if (RANK[a.class] !== RANK[b.class]) return RANK[a.class] < RANK[b.class];
  return mode === 'priority' && a.priority < b.priority;
}

/**
 * Makes room for `tenant`: candidates are taken in the order of eviction, as long as each of them helps, until `shortages`
 * is empty; then those given back, the best first, that are not needed after all. Whom only the share of another tenant
 * would be taken from stays: a share is kept free for its tenant, used or not.
 */
export function makeRoom(
  ledger: Ledger,
  tenant: string,
  candidates: readonly Candidate[],
  shortages: () => readonly Shortage[],
): MadeRoom {
  return ledger.rehearse(({ out, back }) => {
    let left = shortages();
    const taken: Candidate[] = [];
    for (const candidate of [...candidates].sort(byPromise)) {
      if (left.length === 0) break;
      const { hold } = candidate;
      const fair = left.filter(({ scope, dimension }) => {
        const ofHost = scope === 'host' && isDimension(dimension) && candidate.tenant !== tenant;
        return !ofHost || !ledger.withinShare(candidate.tenant, indexOf(dimension));
      });
      out(hold);
      const now = shortages();
      if (fair.some((was) => shortOf(now, was) < was.short)) {
        taken.push(candidate);
        left = now;
      } else back(hold);
    }
    if (left.length > 0) return { victims: taken, left };
    for (const candidate of [...taken].reverse()) {
      back(candidate.hold);
      if (shortages().length === 0) taken.splice(taken.indexOf(candidate), 1);
      else out(candidate.hold);
    }
    return { victims: taken, left: [] };
  });
}

function shortOf(now: readonly Shortage[], { scope, dimension }: Shortage): number {
  return now.find((one) => one.scope === scope && one.dimension === dimension)?.short ?? 0;
}

/** What a workload has of the very thing that is short. */
export function shareOf({ demand, charge }: Hold, { scope, dimension }: Pick<Shortage, 'scope' | 'dimension'>): number {
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
