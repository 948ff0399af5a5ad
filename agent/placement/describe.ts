// Who sits where, for people and for `--json`.
import { formatCpuList } from '../base/cpu-list.js';
import type { Cpu, Topology } from '../host/topology.js';
import type { Condition } from '../model/condition.js';
import type { PlacementCapacity } from './capacity.js';
import { sharedSeat } from './draft.js';
import type { Violation } from './foreign.js';
import type { WriteFailure } from './rebalance.js';
import { count, isParticular } from './request.js';
import type { Assignment, PlacementRequest, PlacementSettings, Seat } from './types.js';

export interface DescribedCpu extends Cpu {
  /** isolated: nobody's, taken from the scheduler at boot. idle: held, and kept free as a sibling of a busy one. */
  readonly use: 'exclusive' | 'idle' | 'shared' | 'reserved' | 'isolated';
  /** Who has it alone, or whose specs name it; none: all that share. */
  readonly holders: readonly string[];
}

export interface DescribedWorkload {
  readonly id: string;
  readonly tenant: string;
  readonly kind: Seat['kind'];
  /** Lists as in cpuset.cpus and cpuset.mems; mems is empty where memory comes from any node. */
  readonly cpus: string;
  readonly mems: string;
  readonly reason: string;
}

export interface PlacementDescription {
  readonly policy: PlacementSettings['policy'];
  readonly capacity: PlacementCapacity;
  /** As cpuset.cpus: where all run that share. */
  readonly pool: string;
  readonly cpus: readonly DescribedCpu[];
  /** Those that asked for something; the others are a number. */
  readonly workloads: readonly DescribedWorkload[];
  readonly sharing: number;
  readonly violations: readonly Violation[];
  readonly failures: readonly WriteFailure[];
}

export interface Described {
  readonly topology: Topology;
  readonly settings: PlacementSettings;
  readonly assignment: Assignment;
  readonly requests: readonly PlacementRequest[];
  capacity(): PlacementCapacity;
  failures(): readonly WriteFailure[];
}

/** `violations`: see foreign.ts. */
export function describe(of: Described, violations: readonly Violation[]): PlacementDescription {
  const { topology, settings, assignment, requests } = of;
  const particular = requests.filter(isParticular);
  return {
    policy: settings.policy,
    capacity: of.capacity(),
    pool: formatCpuList(assignment.pool),
    cpus: topology.cpus.map((cpu) => ({ ...cpu, ...useOf(cpu.id, of) })),
    workloads: particular
      .map((request) => describeSeat(assignment.seats.get(request.id) ?? sharedSeat(request), request, assignment))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    sharing: requests.length - particular.length,
    violations,
    failures: of.failures(),
  };
}

export function describeSeat(seat: Seat, { mems }: PlacementRequest, { pool }: Assignment): DescribedWorkload {
  const { id, tenant, kind, reason } = seat;
  const cpus = formatCpuList(kind === 'shared' ? pool : seat.cpus);
  return { id, tenant, kind, cpus, mems: formatCpuList(seat.mems ?? mems ?? []), reason };
}

function useOf(cpu: number, { topology, assignment }: Described): Pick<DescribedCpu, 'use' | 'holders'> {
  const seats = [...assignment.seats.values()];
  const owner = seats.find(({ held }) => held.includes(cpu));
  if (owner !== undefined) return { use: owner.cpus.includes(cpu) ? 'exclusive' : 'idle', holders: [owner.id] };
  const holders = seats.filter((seat) => seat.kind === 'listed' && seat.cpus.includes(cpu)).map(({ id }) => id);
  if (topology.isolated.includes(cpu) && !assignment.pool.includes(cpu)) return { use: 'isolated', holders };
  return { use: assignment.reserved.includes(cpu) ? 'reserved' : 'shared', holders };
}

/** What a person should know of, for `berth doctor` and node.describe. */
export function conditions(of: Described, violations: readonly Violation[]): Condition[] {
  const { settings, assignment, requests } = of;
  const wanting = requests.filter(({ exclusive }) => exclusive > 0).map(({ id }) => id);
  const failures = of.failures();
  const [refused] = assignment.refused.values();
  const found: Condition[] = [];
  if (settings.policy === 'static' && !settings.cpuset && wanting.length > 0)
    found.push({
      code: 'placement_no_cpuset',
      severity: 'warning',
      title: 'Guaranteed workloads share their cpus',
      why: `This host has no cgroup v2 controller "cpuset" for them: ${wanting.join(', ')}.`,
      fix: 'Boot with systemd.unified_cgroup_hierarchy=1, or set placement.policy to "none" to accept it.',
    });
  if (refused !== undefined)
    found.push({
      code: 'placement_refused',
      severity: 'warning',
      title: 'Workloads are not on the cpus they were promised',
      why: [...assignment.refused].map(([id, { reason }]) => `${id}: ${reason}`).join('; '),
      fix: refused.hint,
    });
  if (failures.length > 0)
    found.push({
      code: 'placement_not_written',
      severity: 'error',
      title: `The cpus of ${count(failures.length, 'workload')} could not be set`,
      why: failures
        .slice(0, 5)
        .map(({ id, reason }) => `${id}: ${reason}`)
        .join('; '),
      fix: 'It is tried again; look for another writer of cpuset.cpus.',
    });
  if (violations.length > 0)
    found.push({
      code: 'placement_not_alone',
      severity: 'info',
      title: `The host itself may use ${count(violations.length, 'exclusive cpu')}`,
      why: `Not confined: ${[...new Set(violations.flatMap(({ open }) => open))].slice(0, 8).join(', ')}.`,
      fix: `systemctl set-property system.slice AllowedCPUs=${formatCpuList(assignment.pool)}, and the same for user.slice and init.scope.`,
    });
  return found;
}
