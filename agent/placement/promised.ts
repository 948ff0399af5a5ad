// Seats that are kept for workloads to come. Nobody else may have them alone, and until their workload comes all that share
// go on running there: what is reserved is not in use.
import type { Topology } from '../host/topology.js';
import { Cores } from './cores.js';
import type { Assignment } from './types.js';

/** `plan` as it is in force, with the seats of `promised` empty. Pure. */
export function inForce(topology: Topology, plan: Assignment, promised: ReadonlySet<string>): Assignment {
  if (promised.size === 0) return plan;
  const isThere = ([id]: readonly [string, unknown]): boolean => !promised.has(id);
  const seats = new Map([...plan.seats].filter(isThere));
  const held = new Set([...seats.values()].flatMap((seat) => seat.held));
  const cores = new Cores(topology);
  const pool = topology.cpus.map(({ id }) => id).filter((cpu) => !held.has(cpu) && !cores.isIsolated(cpu));
  return { seats, pool, reserved: plan.reserved, refused: new Map([...plan.refused].filter(isThere)) };
}
