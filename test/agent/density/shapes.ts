import type { Demand } from '../../../agent/density/demand.js';
import { type Limits, limitsOf, type TenantLimits } from '../../../agent/density/limits.js';
import { type DimensionName, vector } from '../../../agent/model/dimensions.js';

export const Mi = 2 ** 20;
export const Gi = 2 ** 30;

type Amounts = Readonly<Partial<Record<DimensionName, number>>>;

/** Amounts in ledger units: thousandths of a core. */
export function demand(amounts: Amounts = {}, over: Partial<Omit<Demand, 'amounts'>> = {}): Demand {
  return {
    tenant: 'acme',
    kind: 'exec',
    class: 'burstable',
    priority: 100,
    overhead: 0,
    amounts: vector({ workloads: 1, cpu: 100, memory: 64 * Mi, addresses: 1, ...amounts }),
    extras: [],
    ...over,
  };
}

export function tenantLimits(quota: Amounts, guaranteed: Amounts = {}): TenantLimits {
  return { quota: vector(quota, Number.POSITIVE_INFINITY), guaranteed: vector(guaranteed) };
}

/** A host that has only so much of what is named, and tenants. */
export function host(
  amounts: Amounts,
  tenants: Readonly<Record<string, TenantLimits>> = {},
  over: Partial<Limits> = {},
): Limits {
  const all = vector(amounts, Number.POSITIVE_INFINITY);
  return limitsOf({
    host: { capacity: all, kept: vector(), allocatable: all },
    tenants: new Map(Object.entries(tenants)),
    ...over,
  });
}
