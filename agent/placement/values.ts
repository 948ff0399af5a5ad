// What is written for whom. cgroup v2 takes an empty cpuset.cpus for "as the parent", and intersects what is named with
// what the parent has (cgroup-v2.rst, Cpuset), so that nothing need be written on a host where nobody is alone.
import type { Value } from '../../cgroups/types.js';
import { formatCpuList } from '../host/cpu-list.js';
import type { Assignment, Seat } from './types.js';

/** For everyone that shares; an empty list takes back what was written. */
export function sharedValues({ seats, pool }: Pick<Assignment, 'seats' | 'pool'>): readonly Value[] {
  const alone = [...seats.values()].some(({ kind }) => kind === 'exclusive');
  return alone ? [{ file: 'cpuset.cpus', value: formatCpuList(pool) }] : [];
}

/** For one that does not share. */
export function valuesOf({ kind, cpus, mems }: Seat): readonly Value[] {
  // A list of the spec's is among the spec's own values.
  if (kind === 'listed') return [];
  return [
    { file: 'cpuset.cpus', value: formatCpuList(cpus) },
    ...(mems === null ? [] : [{ file: 'cpuset.mems', value: formatCpuList(mems) }]),
  ];
}
