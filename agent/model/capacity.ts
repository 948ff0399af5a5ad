// What the ledger answers: one row of it, a refusal, and how many more would fit.
import type { Range } from '../base/pages.js';
import type { DimensionName, PoolDimension } from './dimensions.js';

/** One dimension of the ledger at one scope. Units: pieces, cores, bytes; see model/dimensions.ts. */
export interface CapacityRow {
  /** `host`, `tenant/NAME`, `kind/DRIVER`, `engine/ENGINE`, `bridge/NAME`, `licence/NAME`, `tenant/NAME/licence/NAME`. */
  readonly scope: string;
  readonly dimension: DimensionName | PoolDimension;
  /** What the host or the pool has, before reserve and overcommit. `null`: not known, or without end. */
  readonly capacity: number | null;
  /** Of the capacity, what is not given out: the reserve, what others use, the margin below a ceiling. */
  readonly kept: number;
  /** What may be committed: (capacity - kept) x overcommit, or the quota. `null`: no limit. */
  readonly allocatable: number | null;
  /** Promised to workloads. */
  readonly committed: number;
  /** Set aside by reservations, beside what is committed. */
  readonly reserved: number;
  /** As measured; `null`: it is not. */
  readonly used: number | null;
  /** Kept free for this tenant. */
  readonly guaranteed?: number;
}

/** Tenants, by name. */
export interface TenantFilter extends Range {
  /** Whether this tenant may be told. */
  readonly sees?: (name: string) => boolean;
}

/** What all share, and what some of the tenants have. */
export interface CapacityPart {
  readonly shared: readonly CapacityRow[];
  readonly tenants: readonly { readonly name: string; readonly rows: readonly CapacityRow[] }[];
}

/** A refusal in the shape of design section 7; quantities of memory as text ("256Mi"), others as numbers. */
export interface Refusal {
  readonly code: 'admission_refused';
  readonly dimension: CapacityRow['dimension'] | 'ports' | 'exclusive_cpus' | 'cpus' | 'mems';
  readonly scope: string;
  readonly limit: number | string;
  readonly used: number | string;
  readonly requested: number | string;
  readonly shortBy: number | string;
  readonly retryAfterMs: number | null;
  readonly hint: string;
  /** The workload that holds what was asked for, where it is one. */
  readonly holder?: string;
}

/** How many more of a shape there is room for. */
export interface Room {
  readonly scope: string;
  readonly dimension: Refusal['dimension'];
  readonly more: number;
}
