// What is written for whom. cgroup v2 takes an empty cpuset.cpus for "as the parent", and intersects what is named with
// what the parent has (cgroup-v2.rst, Cpuset), so that nothing need be written on a host where nobody is alone. But once
// something is written it cannot be taken back while processes are there: emptying the file is ENOSPC (validate_change in
// kernel/cgroup/cpuset.c). What was narrowed is then made as wide as it may be.
import type { Value } from '../../cgroups/types.js';
import { formatCpuList } from '../base/cpu-list.js';
import type { Topology } from '../host/topology.js';
import type { Assignment, PlacementRequest, Seat } from './types.js';

/** For everyone that shares and for whom nothing was written yet. */
export function sharedValues({ seats, pool }: Pick<Assignment, 'seats' | 'pool'>): readonly Value[] {
  const alone = [...seats.values()].some(({ kind }) => kind === 'exclusive');
  return alone ? [{ file: 'cpuset.cpus', value: formatCpuList(pool) }] : [];
}

/** For one that does not share, likewise. A list of the spec's is among the spec's own values. */
export function ownValues({ kind, cpus, mems }: Seat): readonly Value[] {
  if (kind !== 'exclusive') return [];
  return [
    { file: 'cpuset.cpus', value: formatCpuList(cpus) },
    ...(mems === null ? [] : [{ file: 'cpuset.mems', value: formatCpuList(mems) }]),
  ];
}

/** `wanted`, and for every other file that was written the widest it may be. */
export function overWritten(
  wanted: readonly Value[],
  written: readonly Value[],
  widest: () => readonly Value[],
): readonly Value[] {
  const left = written.filter(({ file }) => wanted.every((value) => value.file !== file));
  if (left.length === 0) return wanted;
  return [...wanted, ...widest().filter((value) => left.some(({ file }) => file === value.file))];
}

/** In the order of `ownValues`. */
export function widestValues(
  topology: Topology,
  { pool }: Pick<Assignment, 'pool'>,
  { listed, mems }: Pick<PlacementRequest, 'listed' | 'mems'>,
): readonly Value[] {
  const nodes = topology.nodes.filter(({ memoryBytes }) => memoryBytes > 0).map(({ id }) => id);
  return [
    { file: 'cpuset.cpus', value: formatCpuList(listed ?? pool) },
    { file: 'cpuset.mems', value: formatCpuList(mems ?? nodes) },
  ];
}
