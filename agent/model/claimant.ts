// Who asks for room.
import type { EventActor } from './event.js';

/** Who acts, and on which reservation, when one is named. */
export interface Claimant {
  /** Null: somebody on the local socket who has not said who. */
  readonly scheduler: string | null;
  /** As `workload.reserve` answered it. */
  readonly reservation?: string;
  /** Preemption is asked for. */
  readonly reach?: Reach;
  /** For the events. */
  readonly by?: EventActor;
}

/** Tenants of which workloads may be evicted. */
export interface Reach {
  /** Null: all. */
  readonly tenants: ReadonlySet<string> | null;
}

export const NOBODY: Claimant = { scheduler: null };
