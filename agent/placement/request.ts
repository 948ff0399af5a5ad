// What a spec asks of the cpus of the host. The rule is the kubelet's (static policy of its CPU manager): a guaranteed
// workload whose limit is a whole number of cores has them to itself; all others share.

import { parseCpuList } from '../base/cpu-list.js';
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { PlacementRequest } from './types.js';

export interface Named {
  /** resources.cpu.cpus and .mems, parsed; null: the spec names none. */
  readonly cpus: readonly number[] | null;
  readonly mems: readonly number[] | null;
}

/** `memory`: bytes the ledger counts for it. A VM without a cpu limit is promised its vCPUs, as in the ledger. */
export function requestOf(spec: WorkloadSpec, memory: number, named: Named): PlacementRequest {
  const vcpus = machineOf(spec)?.vcpus ?? 0;
  const { exclusive, because } = wishOf(spec, named);
  const { id, tenant, priority } = spec;
  return {
    id,
    tenant,
    class: spec.class,
    priority,
    exclusive,
    listed: named.cpus,
    mems: named.mems,
    vcpus,
    memory,
    because,
  };
}

/** As `requestOf`, with the lists of the spec read. */
export function seatRequest(spec: WorkloadSpec, memory: number): PlacementRequest {
  const { cpus, mems } = spec.resources.cpu ?? {};
  const list = (text: string | undefined) => (text === undefined ? null : (parseCpuList(text) ?? null));
  return requestOf(spec, memory, { cpus: list(cpus), mems: list(mems) });
}

/** Whether it asks for more than a place among all others. */
export function isParticular({ exclusive, listed, mems }: PlacementRequest): boolean {
  return exclusive > 0 || listed !== null || mems !== null;
}

function wishOf(spec: WorkloadSpec, named: Named): Pick<PlacementRequest, 'exclusive' | 'because'> {
  if (named.cpus !== null) return { exclusive: 0, because: 'its spec names its cpus' };
  if (spec.class !== 'guaranteed') return { exclusive: 0, because: `class ${spec.class}` };
  const limit = spec.resources.cpu?.limit;
  const machine = machineOf(spec);
  if (limit === undefined && machine !== undefined)
    return { exclusive: machine.vcpus, because: `class guaranteed with ${count(machine.vcpus, 'vCPU')}` };
  if (limit === undefined) return { exclusive: 0, because: 'class guaranteed without a cpu limit' };
  if (!Number.isInteger(limit)) return { exclusive: 0, because: `its cpu limit ${limit} is not a whole number` };
  return { exclusive: limit, because: `class guaranteed with a cpu limit of ${limit}` };
}

/** `1 cpu`, `2 cpus`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
