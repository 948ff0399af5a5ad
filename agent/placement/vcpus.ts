// The threads of a VM on its exclusive cpus: each vCPU on one of its own, all others of the VMM on what is left.
import { readThreads, setAffinity, type Thread } from '../../linux/affinity.js';
import type { Seat } from './types.js';

export interface Pin {
  readonly tid: number;
  readonly cpus: readonly number[];
}

/**
 * Pure. `vcpus`: thread of each vCPU by its index; one thread may serve several (TCG without threads). Where there are more
 * vCPUs than cpus none is pinned: two of them on one cpu would wait for each other while a third cpu is idle.
 */
export function planPins(
  threads: readonly Pick<Thread, 'tid'>[],
  vcpus: readonly number[],
  cpus: readonly number[],
): Pin[] {
  if (cpus.length === 0) return [];
  const fits = vcpus.length <= cpus.length;
  const own = new Map<number, number[]>();
  for (const [index, tid] of fits ? vcpus.entries() : [])
    own.set(tid, [...(own.get(tid) ?? []), ...cpus.slice(index, index + 1)]);
  const left = fits ? cpus.slice(vcpus.length) : cpus;
  return threads.map(({ tid }) => ({ tid, cpus: own.get(tid) ?? (left.length > 0 ? left : cpus) }));
}

/**
 * Pins every thread of `pid` as planned; may be repeated, and is to be after each change of its cpuset.cpus, with which
 * kernels before 6.2 forget what was asked for (user_cpus_ptr in kernel/sched/core.c). Gives back what was pinned;
 * threads that ended meanwhile are left out. Throws SysError.
 */
export function pinThreads(pid: number, vcpus: readonly number[], { kind, cpus }: Pick<Seat, 'kind' | 'cpus'>): Pin[] {
  if (kind !== 'exclusive') return [];
  return planPins(readThreads(pid), vcpus, cpus).filter((pin) => setAffinity(pin.tid, pin.cpus));
}
