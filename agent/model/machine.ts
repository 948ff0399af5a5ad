// What the rest of the agent needs to know of a virtual machine, whichever VMM runs it.
import type { WorkloadSpec } from './spec.js';

export interface Machine {
  readonly vcpus: number;
  /** Bytes of the guest. */
  readonly memory: number;
  /** Size of the huge pages that hold the guest; undefined: ordinary pages. */
  readonly hugepages: '2Mi' | '1Gi' | undefined;
  readonly lockMemory: boolean;
}

/** The part of a specification that says so. */
export type MachineSpec = Pick<WorkloadSpec, 'qemu'>;

/** Undefined: the workload is no virtual machine. */
export function machineOf({ qemu }: MachineSpec): Machine | undefined {
  if (qemu === undefined) return undefined;
  const { vcpus, memory, hugepages, lockMemory } = qemu;
  return { vcpus, memory, hugepages, lockMemory };
}
