// Which events stay when there are too many: no type and no tenant pushes the others out. Pure.
import type { BerthEvent } from '../model/event.js';
import { DAY_MS } from './retention.js';

/** Types of which one is worth as much as this many others: ends, kills, restarts, drift and conditions are rare and wanted late. */
const LASTING_WEIGHT = 10;

/** Told rarely, looked for days later: why something ended, what was wrong, what was put back. */
const LASTING: ReadonlySet<string> = new Set([
  ...['agent.started', 'agent.stopping', 'config.reloaded', 'config.rejected', 'journal.damaged', 'journal.unwritable'],
  ...['condition.raised', 'condition.cleared', 'node.cordoned', 'node.uncordoned', 'host.tuned'],
  ...['node.draining', 'node.drained'],
  ...['workload.ended', 'workload.restarting', 'workload.oom', 'workload.evicted', 'workload.preempted'],
  ...['workload.escaped', 'engine.workload_ended'],
  ...['pressure.action', 'memory.futile', 'cgroup.drift', 'cgroup.repaired', 'cgroup.contested'],
  ...['network.drift', 'network.repaired', 'network.repair_failed', 'reaper.removed', 'licence.over'],
]);

export function isLasting({ type }: Pick<BerthEvent, 'type'>): boolean {
  return LASTING.has(type);
}

/** Of the older half, for events that last and are not a day old. */
const YOUNG_SHARE = 0.9;

/**
 * `keep` of `events`, in their order: all of the newer half, and of those before it the newest of each type and tenant, each
 * of which has an equal share. Who needs less than that leaves the rest to the others. Events that last come first, until
 * they are a day old.
 */
export function thin(events: readonly BerthEvent[], keep: number, now = Number.POSITIVE_INFINITY): BerthEvent[] {
  if (events.length <= keep) return [...events];
  const recent = Math.floor(keep / 2);
  const old = events.slice(0, events.length - recent);
  const isYoung = (event: BerthEvent): boolean => isLasting(event) && now - event.at < DAY_MS;
  const stays = new Set<BerthEvent>();
  const young = old.filter(isYoung);
  choose(young, Math.min(young.length, Math.floor((keep - recent) * YOUNG_SHARE)), stays);
  const others =
    young.length === stays.size ? old.filter((event) => !isYoung(event)) : old.filter((e) => !stays.has(e));
  choose(others, keep - recent - stays.size, stays);
  return [...old.filter((event) => stays.has(event)), ...events.slice(events.length - recent)];
}

function choose(events: readonly BerthEvent[], keep: number, into: Set<BerthEvent>): void {
  const types = groups(events, ({ type }) => type);
  const allowed = sharesOf([...types.values()], keep);
  for (const [at, ofType] of [...types.values()].entries()) {
    const tenants = [...groups(ofType, ({ tenant }) => tenant ?? '').values()];
    for (const [which, count] of sharesOf(tenants, allowed[at] ?? 0).entries()) {
      const all = tenants[which] ?? [];
      for (const event of all.slice(all.length - count)) into.add(event);
    }
  }
}

function groups(events: readonly BerthEvent[], keyOf: (event: BerthEvent) => string): Map<string, BerthEvent[]> {
  const found = new Map<string, BerthEvent[]>();
  for (const event of events) {
    const group = found.get(keyOf(event));
    if (group === undefined) found.set(keyOf(event), [event]);
    else group.push(event);
  }
  return found;
}

/** How many each group may keep, `total` together: max-min fair, by weight. */
function sharesOf(all: readonly (readonly BerthEvent[])[], total: number): number[] {
  const weighed = all.map((group, at) => {
    const weight = group[0] !== undefined && isLasting(group[0]) ? LASTING_WEIGHT : 1;
    return { at, count: group.length, weight };
  });
  const shares = all.map(() => 0);
  let left = total;
  let weights = weighed.reduce((sum, { weight }) => sum + weight, 0);
  // The one that needs least of its share first: what it leaves is the others'.
  for (const { at, count, weight } of weighed.sort((a, b) => a.count / a.weight - b.count / b.weight)) {
    const share = Math.min(count, Math.floor((left * weight) / weights));
    shares[at] = share;
    left -= share;
    weights -= weight;
  }
  return shares;
}
