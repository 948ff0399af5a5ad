// What the ledger counts against, as figures: made by policy.ts, replaced as a whole whenever the configuration, a
// tenant, a licence, a window of time or the host has changed.
import { type Vector, vector } from '../model/dimensions.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Kind } from './demand.js';

/** In ledger units; Infinity: no limit, or not known. */
export interface HostLimits {
  readonly capacity: Vector;
  /** Kept for the host: its reserve, what others use already, the margin below a ceiling of the kernel. */
  readonly kept: Vector;
  readonly allocatable: Vector;
}

export interface TenantLimits {
  readonly quota: Vector;
  /** Its share of the host that is kept free for it. */
  readonly guaranteed: Vector;
}

/** Of a pool with a scope of its own. `null`: no limit. */
export interface PoolLimit {
  readonly dimension: 'bridge_ports' | 'licences';
  readonly capacity: number | null;
  readonly allocatable: number | null;
}

/** By how much more, or less, than its demand a workload counts for the host: 1 at the host's own overcommit. */
export interface Factor {
  readonly cpu: number;
  readonly memory: number;
}

export interface Limits {
  readonly host: HostLimits;
  readonly kinds: ReadonlyMap<Kind, Vector>;
  /** Tenants that have anything of their own; the others are all alike. */
  readonly tenants: ReadonlyMap<string, TenantLimits>;
  readonly otherTenants: TenantLimits;
  readonly pools: ReadonlyMap<string, PoolLimit>;
  factor(of: Pick<WorkloadSpec, 'class'> & { readonly driver: Kind }): Factor;
}

export const UNLIMITED = vector({}, Number.POSITIVE_INFINITY);
export const NOTHING = vector();

const EVEN: Factor = { cpu: 1, memory: 1 };

/** No limit at all but those given. */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  return {
    host: { capacity: UNLIMITED, kept: NOTHING, allocatable: UNLIMITED },
    kinds: new Map(),
    tenants: new Map(),
    otherTenants: { quota: UNLIMITED, guaranteed: NOTHING },
    pools: new Map(),
    factor: () => EVEN,
    ...given,
  };
}
