// The words of this room.
import type { PlacementConfig } from '../config/placement.js';
import type { Refusal } from '../model/capacity.js';
import type { WorkloadSpec } from '../model/spec.js';

/** What a workload asks of the cpus of the host. */
export interface PlacementRequest {
  readonly id: string;
  readonly tenant: string;
  readonly class: WorkloadSpec['class'];
  readonly priority: number;
  /** Cpus wanted for itself alone; 0: it shares. */
  readonly exclusive: number;
  /** Cpus and memory nodes that the spec names; null: it leaves them open. */
  readonly listed: readonly number[] | null;
  readonly mems: readonly number[] | null;
  /** Of a VM, 0 for what is none. */
  readonly vcpus: number;
  /** Bytes promised to it. */
  readonly memory: number;
  /** Why it wants what it wants, as part of a sentence: `class burstable`. */
  readonly because: string;
}

export interface PlacementSettings extends PlacementConfig {
  /** Cpus kept for the host: they may be shared and are never exclusive. One at least is kept, whatever this says. */
  readonly reserved: number;
  /** Whether the workloads' cgroups have the cpuset controller. Without it everybody shares. */
  readonly cpuset: boolean;
}

export interface Seat {
  readonly id: string;
  readonly tenant: string;
  /** exclusive: alone on `cpus`; listed: where its spec says, with others; shared: anywhere in the pool. */
  readonly kind: 'exclusive' | 'listed' | 'shared';
  /** Where it may run; of a shared one the pool, which is in the assignment. Ascending. */
  readonly cpus: readonly number[];
  /** Kept from everybody else: `cpus`, and with smt = "core" their idle sibling threads. Empty unless exclusive. */
  readonly held: readonly number[];
  /** NUMA nodes its memory comes from; null: any, or those its spec names. */
  readonly mems: readonly number[] | null;
  /** In a sentence. */
  readonly reason: string;
}

export interface Assignment {
  /** Of those that ask for something; all others share, and are a thousand. */
  readonly seats: ReadonlyMap<string, Seat>;
  /** Where all that share may run. Never empty. Ascending. */
  readonly pool: readonly number[];
  readonly reserved: readonly number[];
  /** Those that did not get what they asked for; they share. */
  readonly refused: ReadonlyMap<string, PlacementRefusal>;
}

/** A refusal as every other of the ledger; quantities are cpus. */
export interface PlacementRefusal extends Omit<Refusal, 'dimension'> {
  readonly dimension: 'exclusive_cpus' | 'cpus' | 'mems';
  readonly reason: string;
}
