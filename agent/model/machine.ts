// What the rest of the agent needs to know of a virtual machine, whichever VMM runs it.
import type * as z from 'zod';
import type { firecrackerSpec } from './firecracker-spec.js';
import type { qemuSpec } from './qemu-spec.js';

export interface Machine {
  readonly vcpus: number;
  /** Bytes of the guest. */
  readonly memory: number;
  /** Size of the huge pages that hold the guest; undefined: ordinary pages. */
  readonly hugepages: '2Mi' | '1Gi' | undefined;
  readonly lockMemory: boolean;
  /** The VMM has its guest's pages merged by itself where the spec asks for it; otherwise why the host cannot merge them. */
  readonly merging: 'own' | { readonly not: string };
}

/** The part of a specification that says so. */
export interface MachineSpec {
  readonly qemu?: z.output<typeof qemuSpec> | undefined;
  readonly firecracker?: z.output<typeof firecrackerSpec> | undefined;
}

/** Undefined: the workload is no virtual machine. */
export function machineOf({ qemu, firecracker }: MachineSpec): Machine | undefined {
  if (qemu !== undefined) {
    const { vcpus, memory, hugepages, lockMemory } = qemu;
    return { vcpus, memory, hugepages, lockMemory, merging: qemuMerging(qemu) };
  }
  if (firecracker === undefined) return undefined;
  const { vcpus, memory, hugepages } = firecracker;
  const merging = { not: 'driver "firecracker": Firecracker keeps the memory of its guests apart' };
  return { vcpus, memory, hugepages, lockMemory: false, merging };
}

function qemuMerging({ hugepages, lockMemory }: z.output<typeof qemuSpec>): Machine['merging'] {
  if (hugepages !== undefined) return { not: 'qemu.hugepages: huge pages are never merged' };
  return lockMemory ? { not: 'qemu.lockMemory: a write to a merged page waits for a new one' } : 'own';
}
