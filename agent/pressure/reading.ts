// The pressure of a scope, cleared of what no action on others can cure: a workload that thrashes inside its own memory.max
// or waits for its own quota counts in the figures of the host as well, and killing its neighbours would not help it. This
// is how systemd-oomd comes to choose wrong victims.
import type { Candidate, Reading, Resource, ScopeName } from './types.js';

export interface Stall {
  readonly some: number;
  readonly full: number;
}

/** Share of memory of the host. With less available than this, all of its memory pressure is its own. */
const SCARCE = 0.1;

/**
 * `stall`: the figures of the scope itself, which no member exceeds. `members`: everybody in it, or undefined when the figures
 * are so low that it does not matter who feels them.
 */
export function readingOf(
  scope: ScopeName,
  resource: Resource,
  stall: Stall,
  members: readonly Candidate[] | undefined,
  host: Pick<Reading, 'available' | 'memory' | 'cores' | 'ioWeight'>,
): Reading {
  const scarce = host.available !== null && host.available.bytes < host.available.total * SCARCE;
  if (members === undefined || scope.startsWith('workload/') || scarce) return { ...stall, felt: stall, ...host };
  const cured = members.filter(({ usage }) => !usage.selfLimited);
  const served = resource === 'memory' ? cured : cured.filter((member) => member.class !== 'besteffort');
  return { ...most(cured, stall), felt: most(served, stall), ...host };
}

function most(members: readonly Candidate[], bound: Stall): Stall {
  let some = 0;
  let full = 0;
  for (const { usage } of members) {
    some = Math.max(some, usage.some);
    full = Math.max(full, usage.full);
  }
  return { some: Math.min(some, bound.some), full: Math.min(full, bound.full) };
}
