// The one admission ledger: who holds what, what may still be promised, and why not. Pure bookkeeping in memory,
// rebuilt from the journal at every start; a promise becomes durable with the journal entry of its workload, before
// anybody is told. There is one writer, the main loop, so check-then-commit needs no lock.
import type { CapacityRow, Refusal } from '../service.js';
import { formatSize } from '../workload/units.js';
import type { Demand } from './demand.js';

type Dimension = CapacityRow['dimension'];
const DIMENSIONS: readonly Dimension[] = ['workloads', 'cpu', 'memory', 'addresses'];

/** Per dimension: what there is, and what may be promised of it (null: no limit). */
export type Limits = Readonly<Record<Dimension, { readonly capacity: number; readonly allocatable: number | null }>>;

/** What a tenant may be promised at most; an absent dimension is not limited. */
export type Quota = Readonly<Partial<Record<Dimension, number>>>;

const NOTHING: Readonly<Record<Dimension, number>> = { workloads: 0, cpu: 0, memory: 0, addresses: 0 };

export class Ledger {
  #host: Limits;
  #quotaOf: (tenant: string) => Quota;
  readonly #held = new Map<string, Demand>();

  constructor(host: Limits, quotaOf: (tenant: string) => Quota) {
    this.#host = host;
    this.#quotaOf = quotaOf;
  }

  /** From now on; what is committed stays, also where it is more than the new limits allow. */
  setLimits(host: Limits, quotaOf: (tenant: string) => Quota): void {
    this.#host = host;
    this.#quotaOf = quotaOf;
  }

  /** Every reason against granting `demand` to `id`; none: it fits. What `id` holds already is not counted twice. */
  check(id: string, demand: Demand): Refusal[] {
    const host = this.#sum((other) => other !== id);
    const tenant = this.#sum((other, d) => other !== id && d.tenant === demand.tenant);
    const quota = this.#quotaOf(demand.tenant);
    return DIMENSIONS.flatMap((dimension) => [
      ...refuse('host', dimension, this.#host[dimension].allocatable, host[dimension], demand[dimension]),
      ...refuse(`tenant/${demand.tenant}`, dimension, quota[dimension] ?? null, tenant[dimension], demand[dimension]),
    ]);
  }

  /** Grants without checking: what is running already is counted even when a limit was lowered under it. */
  commit(id: string, demand: Demand): void {
    this.#held.set(id, demand);
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  rows(): CapacityRow[] {
    const host = this.#sum(() => true);
    const rows = DIMENSIONS.map((dimension) => ({
      scope: 'host',
      dimension,
      ...this.#host[dimension],
      committed: host[dimension],
    }));
    const tenants = new Set([...this.#held.values()].map((demand) => demand.tenant));
    for (const tenant of [...tenants].sort()) {
      const used = this.#sum((_id, demand) => demand.tenant === tenant);
      const quota = this.#quotaOf(tenant);
      for (const dimension of DIMENSIONS)
        rows.push({
          scope: `tenant/${tenant}`,
          dimension,
          capacity: this.#host[dimension].capacity,
          allocatable: quota[dimension] ?? null,
          committed: used[dimension],
        });
    }
    return rows;
  }

  #sum(counts: (id: string, demand: Demand) => boolean): Record<Dimension, number> {
    const total = { ...NOTHING };
    for (const [id, demand] of this.#held)
      if (counts(id, demand)) for (const dimension of DIMENSIONS) total[dimension] += demand[dimension];
    return total;
  }
}

/** Cores are added and compared in thousandths: 0.1 + 0.2 must fit into 0.3. */
function refuse(scope: string, dimension: Dimension, limit: number | null, used: number, requested: number): Refusal[] {
  const short = limit === null ? 0 : Math.round((used + requested - limit) * 1000) / 1000;
  if (limit === null || requested === 0 || short <= 0) return [];
  const show = (value: number): number | string =>
    dimension === 'memory' ? formatSize(value) : Math.round(value * 1000) / 1000;
  return [
    {
      code: 'admission_refused',
      dimension,
      scope,
      limit: show(limit),
      used: show(used),
      requested: show(requested),
      shortBy: show(short),
      retryAfterMs: null,
      hint: HINTS[dimension](scope),
    },
  ];
}

const HINTS: Readonly<Record<Dimension, (scope: string) => string>> = {
  workloads: (scope) =>
    scope === 'host'
      ? 'Delete workloads, or raise density.max_workloads.'
      : 'Delete workloads of this tenant, or raise its quota (density.max_workloads_per_tenant, tenant.NAME.workloads).',
  cpu: (scope) =>
    scope === 'host'
      ? 'Request fewer cores, or raise density.cpu_overcommit.'
      : 'Request fewer cores, or raise tenant.NAME.cpu.',
  memory: (scope) =>
    scope === 'host'
      ? 'Request less memory, or raise density.memory_overcommit.'
      : 'Request less memory, or raise tenant.NAME.memory.',
  addresses: () => 'Delete workloads, or widen network.pool.',
};
