// In which order workloads go when the node is drained or the host goes down: as for eviction, the lowest promise first. Pure.
import { byPromise } from '../density/victims.js';
import type { WorkloadRecord } from '../model/record.js';

type Ordered = Pick<WorkloadRecord, 'id' | 'spec'>;

/** Lowest class first, within a class the lowest priority. */
export function inDrainOrder<T extends Ordered>(workloads: readonly T[]): T[] {
  const promises = workloads.map((workload) => ({ workload, promise: promiseOf(workload) }));
  return promises.sort((a, b) => byPromise(a.promise, b.promise)).map(({ workload }) => workload);
}

/** The same, class by class: what a guaranteed workload needs of the others has gone only after it is asked last. */
export function inDrainStages<T extends Ordered>(workloads: readonly T[]): T[][] {
  const stages: T[][] = [];
  for (const workload of inDrainOrder(workloads)) {
    const last = stages.at(-1);
    if (last?.[0]?.spec.class === workload.spec.class) last.push(workload);
    else stages.push([workload]);
  }
  return stages;
}

function promiseOf({ id, spec }: Ordered): Parameters<typeof byPromise>[0] {
  return { id, class: spec.class, priority: spec.priority };
}
