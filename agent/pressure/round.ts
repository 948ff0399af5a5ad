// One look at all alarmed scopes: who stalls, who uses what, and the reading that each ladder decides by.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ENOUGH, isUp, matters } from './ladder.js';
import type { HostMemory, Measure, Measured } from './measure.js';
import { MIN_MS, NO_STALL, stallRate } from './rates.js';
import { readingOf, type Stall } from './reading.js';
import { type Ladder, membersOf } from './scopes.js';
import type { Candidate, Reading, Resource, Target, Usage } from './types.js';

export interface Seen {
  readonly ladder: Ladder;
  readonly reading: Reading;
  /** All workloads of the scope; without figures where they do not matter. */
  readonly candidates: readonly Candidate[];
}

export interface Round {
  /** In the order of the ladders, the widest scope first. */
  readonly seen: readonly Seen[];
  readonly measured: ReadonlyMap<string, Measured>;
}

const UNKNOWN: Usage = {
  ...{ memory: 0, growth: 0, reclaimable: 0, cpu: 0, io: 0, some: 0, full: 0, selfLimited: false },
};
/** A rate over more than this says nothing of the moment in which a trigger fired. */
const FRESH_MS = 1500;

export async function lookRound(
  ladders: readonly Ladder[],
  targets: readonly Target[],
  measure: Measure,
  host: { readonly cores: number; readonly ioCost: () => ReadonlyMap<string, boolean>; readonly now: () => number },
): Promise<Round> {
  const memory = measure.hostMemory();
  for (const ladder of ladders) updateStall(ladder, measure, host.now());
  const close = ladders.filter((ladder) => matters(ladder.stall, ladder.settings) || isShort(ladder, memory));
  const wanted = new Set(close.flatMap(({ scope }) => membersOf(scope, targets)));
  const resources = new Set(close.map(({ resource }) => resource));
  const measured = await measure.sweep([...wanted], resources, host.now);
  const limitedTenants = limitedBy(measure, [...wanted]);
  const ioWeight =
    close.some(({ resource }) => resource === 'io') &&
    [...host.ioCost().values()].includes(true) &&
    targets.some(({ dir }) => existsSync(join(dir, 'io.weight')));
  const seen = ladders.map((ladder): Seen => {
    const { scope, resource, place, stall } = ladder;
    const members = membersOf(scope, targets);
    const figures = close.includes(ladder);
    const candidates = members.flatMap((target): Candidate[] => {
      if (!figures) return [{ ...target, usage: UNKNOWN }];
      const usage = measured.get(target.id)?.usage(resource);
      if (usage === undefined) return [];
      const held = scope === 'host' && limitedTenants.get(target.tenantDir)?.[resource] === true;
      return [{ ...target, usage: held ? { ...usage, selfLimited: true } : usage }];
    });
    const own = resource === 'memory' && scope === 'host' && memory !== undefined;
    const reading = readingOf(scope, resource, stall, figures ? candidates : undefined, {
      available: own ? { bytes: memory.available, total: memory.total } : null,
      memory: place === 'host' ? (memory?.total ?? 0) - (memory?.available ?? 0) : measure.memoryOf(place.dir),
      ...{ cores: host.cores, ioWeight },
    });
    return { ladder, reading, candidates };
  });
  return { seen: withWiderFirst(seen), measured };
}

/** The stall since the last look, or what the trigger has said when that was too long ago to tell. */
export function updateStall(ladder: Ladder, measure: Measure, now: number): void {
  const { totals: before, fired } = ladder;
  const totals = measure.totals(ladder.place, ladder.resource);
  const ms = before === undefined ? 0 : now - before.at;
  ladder.fired = NO_STALL;
  if (totals === undefined) {
    ladder.stall = fired;
    return;
  }
  if (before !== undefined && ms < MIN_MS) {
    ladder.stall = most(ladder.stall, fired);
    return;
  }
  ladder.totals = { ...totals, at: now };
  if (before === undefined) ladder.stall = fired;
  else ladder.stall = ms > FRESH_MS ? most(stallRate(before, totals, ms), fired) : stallRate(before, totals, ms);
}

function most(a: Stall, b: Stall): Stall {
  return { some: Math.max(a.some, b.some), full: Math.max(a.full, b.full) };
}

export function isShort({ scope, resource, settings }: Ladder, memory: HostMemory | undefined): boolean {
  if (scope !== 'host' || resource !== 'memory' || memory === undefined) return false;
  return memory.available < settings.minAvailable(memory.total) * ENOUGH;
}

/** While a wider scope acts, what its members feel is its doing, and theirs to wait for. */
function withWiderFirst(seen: readonly Seen[]): Seen[] {
  const acting = new Set<string>();
  return seen.map((one) => {
    const { scope, resource, settings } = one.ladder;
    const tenant = one.candidates[0]?.tenant;
    const wider = scope === 'host' ? [] : scope.startsWith('tenant/') ? ['host'] : ['host', `tenant/${tenant}`];
    if (wider.some((name) => acting.has(`${name} ${resource}`)))
      return { ...one, reading: { ...one.reading, felt: NO_STALL } };
    if (isUp(one.reading, settings)) acting.add(`${scope} ${resource}`);
    return one;
  });
}

function limitedBy(
  measure: Measure,
  targets: readonly Target[],
): ReadonlyMap<string, Readonly<Record<Resource, boolean>>> {
  const dirs = new Set(targets.map(({ tenantDir }) => tenantDir));
  return new Map([...dirs].map((dir) => [dir, measure.tenantLimited(dir)]));
}
