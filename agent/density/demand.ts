// What a workload takes from the ledger. The rule is the one Kubernetes users know: a request that is not given is
// the limit; with neither, the node's default counts, so that nothing is free.
import type { WorkloadSpec } from '../workload/spec.js';

/** Units: workloads, cores, bytes, addresses. */
export interface Demand {
  readonly tenant: string;
  readonly workloads: number;
  readonly cpu: number;
  readonly memory: number;
  readonly addresses: number;
}

export interface DefaultRequests {
  readonly cpu: number;
  readonly memory: number;
}

/** `overhead`: bytes the driver itself needs in the cgroup. A guaranteed workload is promised its limits. */
export function demandOf(spec: WorkloadSpec, defaults: DefaultRequests, overhead: number): Demand {
  const { cpu, memory } = spec.resources;
  const guaranteed = spec.class === 'guaranteed';
  const cpuDefault = spec.qemu?.vcpus ?? defaults.cpu;
  const memoryDefault = spec.qemu ? spec.qemu.memory + overhead : defaults.memory;
  return {
    tenant: spec.tenant,
    workloads: 1,
    cpu: (guaranteed ? cpu?.limit : undefined) ?? cpu?.request ?? cpu?.limit ?? cpuDefault,
    memory: (guaranteed ? memory?.limit : undefined) ?? memory?.request ?? memory?.limit ?? memoryDefault,
    addresses: spec.network.mode === 'routed' ? 1 : 0,
  };
}
