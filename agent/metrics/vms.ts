// What the families of virtual machines say of one: from its record, the ladder and the last measurement, without a reading.
import { MACHINE_DRIVERS, machineOf } from '../model/driver-kinds.js';
import type { WorkloadRecord } from '../model/record.js';

/** Bytes. */
export interface VmSample {
  /** Of the guest. */
  readonly memory: number;
  /** That the guest is asked to give back. */
  readonly balloon: number;
  /** Of the VMM besides; undefined: not measured yet. */
  readonly overhead: number | undefined;
}

export interface VmFigures {
  /** By workload. */
  balloons(): ReadonlyMap<string, number>;
  overhead(id: string): number | undefined;
}

export class Vms {
  readonly #figures: VmFigures;
  readonly #drivers: ReadonlySet<string> = new Set(MACHINE_DRIVERS);
  #balloons: ReadonlyMap<string, number> = new Map();

  constructor(figures: VmFigures) {
    this.#figures = figures;
  }

  /** A round of samples begins. */
  begin(): void {
    this.#balloons = this.#figures.balloons();
  }

  /** Undefined: the workload is no virtual machine. */
  of({ id, spec, process }: Pick<WorkloadRecord, 'id' | 'spec' | 'process'>): VmSample | undefined {
    const machine = this.#drivers.has(spec.driver) ? machineOf(spec) : undefined;
    if (machine === undefined) return undefined;
    return {
      memory: process === null ? 0 : machine.memory,
      balloon: this.#balloons.get(id) ?? 0,
      overhead: this.#figures.overhead(id),
    };
  }
}
