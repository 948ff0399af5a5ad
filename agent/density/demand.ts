// What a workload takes from the ledger. The rule is the one Kubernetes users know: a request that is not given is
// the limit; with neither, the node's default counts, so that nothing is free.

import type { EngineKind } from '../model/adopted.js';
import { type DimensionName, indexOf, outward, type Vector, vector } from '../model/dimensions.js';
import { machineOf } from '../model/driver-kinds.js';
import { type DriverName, type WorkloadSpec, wantsVsock } from '../model/spec.js';
import { hasAddress } from '../network/attachment.js';

/** A share of a pool that has a scope of its own: ports of one bridge, one licence. */
export interface Extra {
  readonly scope: string;
  readonly dimension: 'bridge_ports' | 'licences';
  readonly amount: number;
}

/** Who runs it: a driver of berth, or another engine. */
export type Kind = DriverName | EngineKind;

/** Amounts are in ledger units, see dimensions.ts. */
export interface Demand {
  readonly tenant: string;
  readonly kind: Kind;
  readonly class: WorkloadSpec['class'];
  readonly priority: number;
  /** Bytes counted for the driver's own memory, where the spec does not say how much memory is asked for. */
  readonly overhead: number;
  readonly amounts: Vector;
  readonly extras: readonly Extra[];
}

/** What is counted of each workload beside what its spec names. */
export interface PerWorkload {
  readonly cpu: number;
  readonly memory: number;
  readonly fds: number;
  readonly inotifyInstances: number;
  readonly inotifyWatches: number;
  readonly pids: number;
  /** Bytes of output kept. */
  readonly disk: number;
}

/** What others know of the workload. */
export interface Facts {
  /** Bytes the driver itself is thought to need in the cgroup. */
  readonly overhead: number;
  /** Bytes that it needs besides, whatever its spec promises. */
  readonly surcharge: number;
  readonly tap: boolean;
  readonly exclusiveCores: number;
  readonly licences: readonly Extra[];
}

export const NO_FACTS: Facts = { overhead: 0, surcharge: 0, tap: false, exclusiveCores: 0, licences: [] };

/** A guaranteed workload is promised its limits. */
export function demandOf(spec: WorkloadSpec, per: PerWorkload, facts: Facts = NO_FACTS): Demand {
  const { cpu, memory, pids } = spec.resources;
  const { mode, bridge } = spec.network;
  const guaranteed = spec.class === 'guaranteed';
  const machine = machineOf(spec);
  const cpuDefault = machine?.vcpus ?? per.cpu;
  const memoryDefault = machine ? machine.memory + facts.overhead : per.memory;
  const cores = (guaranteed ? cpu?.limit : undefined) ?? cpu?.request ?? cpu?.limit ?? cpuDefault;
  const bytes = (guaranteed ? memory?.limit : undefined) ?? memory?.request ?? memory?.limit ?? memoryDefault;
  const onHost = spec.external?.at === 'host';
  const bridged = mode === 'bridge' ? 1 : 0;
  return {
    tenant: spec.tenant,
    kind: spec.driver,
    class: spec.class,
    priority: spec.priority,
    overhead: facts.overhead,
    amounts: vector({
      workloads: 1,
      // Up: a thousandth of a core too much is nobody's loss, one too little adds up over thousands of workloads.
      cpu: Math.ceil(cores * 1000 - 1e-6),
      cores: facts.exclusiveCores,
      memory: bytes + facts.surcharge,
      addresses: mode === 'routed' ? 1 : 0,
      taps: facts.tap ? 1 : 0,
      bridge_ports: bridged,
      netns: mode === 'host' || onHost ? 0 : 1,
      neighbours: hasAddress(spec.network) ? 2 : 0,
      vsock_ids: wantsVsock(spec) ? 1 : 0,
      fds: per.fds,
      // A guest has a kernel, and so inotify and keys, of its own.
      inotify_instances: machine ? 0 : per.inotifyInstances,
      inotify_watches: per.inotifyWatches,
      keys: spec.driver === 'oci' ? 1 : 0,
      pids: pids ?? per.pids,
      cgroups: 1,
      // What an external runtime writes is kept by that runtime.
      disk: spec.driver === 'external' ? 0 : per.disk,
    }),
    extras: [
      ...(bridged === 1 ? [{ scope: `bridge/${bridge}`, dimension: 'bridge_ports' as const, amount: 1 }] : []),
      ...facts.licences,
    ],
  };
}

/** In cores, bytes, pieces. */
export function amountOf({ amounts }: Demand, name: DimensionName): number {
  return outward(name, amounts[indexOf(name)] ?? 0);
}
