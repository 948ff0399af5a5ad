// What is left for those that want cpus to themselves.
import type { Topology } from '../host/topology.js';
import { Cores } from './cores.js';
import { freeCores, largest } from './select.js';
import type { Assignment, PlacementSettings } from './types.js';

/** All in cpus. */
export interface PlacementCapacity {
  /** May be exclusive at all, are, and still may become so. */
  readonly exclusive: number;
  readonly held: number;
  readonly free: number;
  /** The largest request that would sit on one NUMA node, and below one last-level cache. */
  readonly largestInNode: number;
  readonly largestInCache: number;
  /** Taken from the scheduler at boot and free: for VMs, whose threads are pinned. */
  readonly isolated: number;
  /** That all who share have together, and of these kept for the host. */
  readonly pool: number;
  readonly reserved: number;
}

export function capacity(topology: Topology, assignment: Assignment, settings: PlacementSettings): PlacementCapacity {
  const { seats, pool, reserved } = assignment;
  const isolated = new Cores(topology);
  const kept = new Set(reserved);
  const taken = new Set([...seats.values()].flatMap(({ kind, cpus, held }) => (kind === 'listed' ? cpus : held)));
  const held = [...seats.values()].reduce((sum, seat) => sum + seat.held.length, 0);
  const on = settings.policy === 'static' && settings.cpuset;
  const cores = (usable: (cpu: number) => boolean) => (on ? freeCores(topology, usable, settings.smt) : []);
  const capable = cores((cpu) => !kept.has(cpu) && !isolated.isIsolated(cpu));
  const free = cores((cpu) => !kept.has(cpu) && !isolated.isIsolated(cpu) && !taken.has(cpu));
  return {
    exclusive: largest(capable, 'host'),
    held,
    free: largest(free, 'host'),
    largestInNode: largest(free, 'node'),
    largestInCache: largest(free, 'cache'),
    isolated: largest(
      cores((cpu) => isolated.isIsolated(cpu) && !taken.has(cpu)),
      'host',
    ),
    pool: pool.length,
    reserved: reserved.length,
  };
}
