// The families of workloads of other engines: those of our own, as far as they are read from the cgroup alone.
import type { Family } from './page.js';
import { WORKLOAD_FAMILIES, type WorkloadSample } from './workload-families.js';

const OURS = 'berth_workload_';
/** By the rest of the name: what only berth knows of a workload is not among it. */
const FROM_CGROUP = /^(?:cpu|memory|io|pids|pressure)_|^pids$/;

export const ADOPTED_FAMILIES: readonly Family<WorkloadSample>[] = WORKLOAD_FAMILIES.flatMap((family) => {
  const rest = family.name.startsWith(OURS) ? family.name.slice(OURS.length) : '';
  return FROM_CGROUP.test(rest) ? [{ ...family, name: `berth_adopted_${rest}` }] : [];
});
