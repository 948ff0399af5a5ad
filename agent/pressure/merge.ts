// Several scopes may hold the same workload; the kernel has one value for each file, and one freezer.
import type { Value } from '../../cgroups/types.js';
import type { Ladder } from './scopes.js';
import type { Applied, ScopeName } from './types.js';

function heldOf(ladders: Iterable<Ladder>, id: string, step: Applied['step']): Applied[] {
  return [...ladders].flatMap(({ state }) => state.applied.filter((one) => one.target === id && one.step === step));
}

/** What the layer is to hold: of each file the tightest. In the order in which the first of them must be written. */
export function valuesOf(ladders: Iterable<Ladder>, id: string): Value[] {
  const tightest = new Map<string, Value>();
  for (const value of heldOf(ladders, id, 'suppress').flatMap(({ values }) => values)) {
    const other = tightest.get(value.file);
    if (other === undefined || numberOf(value) < numberOf(other)) tightest.set(value.file, value);
  }
  return [...tightest.values()];
}

/** `default 1`, `5000 100000`, `1`: the first number in it; all quotas here are of one period. */
function numberOf({ value }: Value): number {
  return Number(/\d+/.exec(value)?.[0] ?? Number.POSITIVE_INFINITY);
}

export function isFrozen(ladders: Iterable<Ladder>, id: string): boolean {
  return heldOf(ladders, id, 'freeze').length > 0;
}

/** Bytes. */
export function balloonOf(ladders: Iterable<Ladder>, id: string): number {
  return Math.max(0, ...heldOf(ladders, id, 'balloon').map(({ bytes }) => bytes));
}

/** The same of all that have one. */
export function balloonsOf(ladders: Iterable<Ladder>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { state } of ladders)
    for (const { target, step, bytes } of state.applied)
      if (step === 'balloon') found.set(target, Math.max(bytes, found.get(target) ?? 0));
  return found;
}

/** Of those that act on the same workloads: a kill of the host counts for all, and every kill counts for the host. */
export function latestKill(ladders: Iterable<Ladder>, scope: ScopeName): number | null {
  let latest: number | null = null;
  for (const ladder of ladders) {
    const { lastKill } = ladder.state;
    const shared = scope === 'host' || ladder.scope === 'host' || ladder.scope === scope;
    if (shared && lastKill !== null && (latest === null || lastKill > latest)) latest = lastKill;
  }
  return latest;
}
