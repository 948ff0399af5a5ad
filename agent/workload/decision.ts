// What admission has found.
import type { Demand } from '../density/demand.js';
import type { Shortage } from '../density/refusal.js';
import type { Refusal } from '../model/capacity.js';

/** What a workload would get, and what stands against it. */
export interface Decision {
  readonly demand: Demand;
  readonly refusals: readonly Refusal[];
  /** Those of them that the ledger has, as figures. */
  readonly short: readonly Shortage[];
  /** Licences that it would go without. */
  readonly downgraded: readonly string[];
}
