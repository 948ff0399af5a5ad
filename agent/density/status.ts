// What stands in the way of density now, in words for the doctor and as events that are told once. Pure.
import type { DensityConfig } from '../config/density.js';
import { type DimensionName, indexOf, shown } from '../model/dimensions.js';
import { CEILINGS, type Ceiling } from './ceilings.js';
import type { Ledger } from './ledger.js';
import type { Licences } from './licences.js';
import { excessOf } from './victims.js';

/** What the doctor's table is asked with: see doctor/density-checks.ts. */
export interface DensityStatus {
  /** `acme: memory 5Gi of 4Gi`. */
  readonly overQuota: readonly string[];
  readonly overLicence: readonly string[];
  /** Ceilings of the kernel that are nearly reached. */
  readonly near: readonly string[];
  /** Ceilings that stop admission before density.max_workloads. */
  readonly inTheWay: readonly string[];
}

export interface Standing {
  readonly type: string;
  /** With the type, what it is about. */
  readonly key: string;
  readonly tenant?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Status extends DensityStatus {
  readonly events: readonly Standing[];
}

export function statusOf(
  ledger: Ledger,
  licences: Licences,
  ceilings: readonly Ceiling[],
  config: DensityConfig,
): Status {
  const quota = overQuota(ledger);
  const over = overLicence(ledger, licences);
  const near = ceilings.filter(({ limit, used }) => used !== null && used > limit * (1 - config.ceiling_margin));
  return {
    overQuota: quota.map(({ tenant = '', data }) => `${tenant}: ${data.dimension} ${data.used} of ${data.limit}`),
    overLicence: over.map(({ data }) => `${data.licence}: ${data.used} in use, ${data.limit} there`),
    near: near.map(({ name, limit, used }) => `${name} ${used} of ${limit}`),
    inTheWay: inTheWay(ledger, ceilings, config),
    events: [
      ...quota,
      ...over,
      ...near.map(({ name, limit, used }) => ({
        type: 'ceiling.near',
        key: name,
        data: { ceiling: name, limit, used },
      })),
    ],
  };
}

/** Every dimension in which a tenant has more than its quota. */
function overQuota(ledger: Ledger): Standing[] {
  return [...ledger.limits.tenants.keys()].flatMap((tenant) => {
    const ward = ledger.tenantAccount(tenant);
    if (ward === undefined) return [];
    return excessOf(tenant, ward.limits.quota, (at) => ward.account.committed[at] ?? 0).map(
      ({ dimension, limit, used, short }) => ({
        type: 'tenant.over_quota',
        key: `${tenant} ${dimension}`,
        tenant,
        data: {
          dimension,
          limit: shown(dimension, limit),
          used: shown(dimension, used),
          over: shown(dimension, short),
        },
      }),
    );
  });
}

function overLicence(ledger: Ledger, licences: Licences): Standing[] {
  return [...licences.totals()].flatMap(([licence, limit]) => {
    const used = ledger.pool(`licence/${licence}`).committed;
    return used > limit ? [{ type: 'licence.over', key: licence, data: { licence, limit, used } }] : [];
  });
}

/** Of two ceilings of one dimension, the lower one. */
function inTheWay(ledger: Ledger, ceilings: readonly Ceiling[], config: DensityConfig): string[] {
  const { allocatable } = ledger.limits.host;
  const lowest = new Map<DimensionName, Ceiling>();
  for (const ceiling of ceilings) {
    const { dimension } = CEILINGS.find(({ name }) => name === ceiling.name) ?? {};
    if (dimension === undefined || ceiling.limit >= (lowest.get(dimension)?.limit ?? Number.POSITIVE_INFINITY))
      continue;
    lowest.set(dimension, ceiling);
  }
  const wanted = config.max_workloads;
  const least = leastOf(config);
  return [...lowest].flatMap(([dimension, { name, limit }]) => {
    const possible = Math.floor((allocatable[indexOf(dimension)] ?? 0) / (least[dimension] ?? 0));
    if (possible >= wanted) return [];
    const [lift] = CEILINGS.find((def) => def.name === name)?.lift ?? [];
    const by = lift === undefined ? '' : ` (sysctl ${lift.key})`;
    return [`${name} ${limit} is enough for ${possible} of ${wanted} workloads${by}`];
  });
}

/** What a routed container takes of each ceiling: see demand.ts. Processes are as its spec says. */
function leastOf({ per_workload: per }: DensityConfig): Readonly<Partial<Record<DimensionName, number>>> {
  const { fds, inotify_instances, inotify_watches } = per;
  return { neighbours: 2, keys: 1, fds, inotify_instances, inotify_watches, cgroups: 1, netns: 1 };
}
