// Who asks for room.

/** Who acts, and on which reservation, when one is named. */
export interface Claimant {
  /** Null: somebody on the local socket who has not said who. */
  readonly scheduler: string | null;
  /** As `workload.reserve` answered it. */
  readonly reservation?: string;
  /** Preemption is asked for. */
  readonly reach?: Reach;
}

/** Tenants of which workloads may be evicted. */
export interface Reach {
  /** Null: all. */
  readonly tenants: ReadonlySet<string> | null;
}

export const NOBODY: Claimant = { scheduler: null };
