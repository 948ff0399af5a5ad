// Who would have to make room for a workload, and whether it fits.
import type { Refusal, Room } from './capacity.js';
import type { WorkloadSpec } from './spec.js';

/** A workload that would have to make room. */
export interface Victim {
  readonly id: string;
  readonly tenant: string;
  readonly class: WorkloadSpec['class'];
  readonly priority: number;
}

export interface PlannedVictim extends Victim {
  /** Use over request as measured; null: not measured. */
  readonly excess: number | null;
  /** It is on its way out already, and is waited for only. */
  readonly leaving: boolean;
  /** Of what is short, what its going frees; amounts as in a refusal. */
  readonly frees: readonly {
    readonly scope: string;
    readonly dimension: Refusal['dimension'];
    readonly amount: Refusal['requested'];
  }[];
}

/** Who would be evicted for a workload. A dry run has it from the same function as the real thing. */
export interface PreemptionPlan {
  /** density.preemption of this node. */
  readonly mode: 'off' | 'class' | 'priority';
  /** In the order in which they are asked to stop; empty: nobody is. */
  readonly victims: readonly PlannedVictim[];
  /** What would stand in the way even so; none: it would be admitted. */
  readonly left: readonly Refusal[];
}

export interface FitsAnswer {
  readonly fits: boolean;
  /** The first is what the workload would be refused for. */
  readonly refusals: readonly Refusal[];
  /** How many of this shape could be admitted now, one after the other; `null`: nothing limits them. */
  readonly more: number | null;
  /** The same by dimension, the scarcest first. */
  readonly room: readonly Room[];
  /** Workloads of a lower class or priority without which it would fit; `null`: it fits, or no such set would do. */
  readonly wouldGo: readonly Victim[] | null;
  /** Asked with `preempt`, and it does not fit: what preemption would do about that. Null otherwise. */
  readonly preemption: PreemptionPlan | null;
  /** Licences it would run without, as their pools are exhausted and allow it. */
  readonly downgraded: readonly string[];
}
