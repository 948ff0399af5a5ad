// Who comes first when somebody must give way: the lowest class, in it the lowest priority, then who uses most beyond what
// it asked for, then who uses most. The order kubelet evicts in, with the class before everything.
import type { Candidate, Ranked, Resource, ScopeName, WorkloadClass } from './types.js';

const CLASS_ORDER: Readonly<Record<WorkloadClass, number>> = { besteffort: 0, burstable: 1, guaranteed: 2 };

/**
 * Those who may be acted upon at all. Guaranteed workloads only where there is nobody else. For cpu and io only besteffort:
 * among the others the kernel's weights already share by what each was promised, and nobody can be denied that by a neighbour.
 */
export function eligible(candidates: readonly Candidate[], scope: ScopeName, resource: Resource): Candidate[] {
  if (resource !== 'memory') return candidates.filter((c) => c.class === 'besteffort');
  if (scope.startsWith('workload/')) return [...candidates];
  const lower = candidates.filter((c) => c.class !== 'guaranteed');
  return lower.length > 0 ? lower : [...candidates];
}

/** `by` replaces use beyond the request as the third criterion; the largest first. */
export function inOrder(
  candidates: readonly Candidate[],
  resource: Resource,
  by: (candidate: Candidate) => number = (c) => over(c, resource),
): Candidate[] {
  return [...candidates].sort(
    (a, b) =>
      CLASS_ORDER[a.class] - CLASS_ORDER[b.class] ||
      a.priority - b.priority ||
      by(b) - by(a) ||
      use(b, resource) - use(a, resource) ||
      (a.id < b.id ? -1 : 1),
  );
}

export function ranked(candidate: Candidate, resource: Resource): Ranked {
  const { id, tenant, priority } = candidate;
  return {
    id,
    tenant,
    class: candidate.class,
    priority,
    over: over(candidate, resource),
    usage: use(candidate, resource),
  };
}

/** Nothing is promised of io, so all of it is beyond. */
export function over({ usage, request }: Candidate, resource: Resource): number {
  if (resource === 'io') return usage.io;
  return resource === 'memory' ? usage.memory - request.memory : usage.cpu - request.cpu;
}

function use({ usage }: Candidate, resource: Resource): number {
  return usage[resource];
}
