// What is left of workloads beyond the series budget: sums by tenant. Counters add up the increases of every workload,
// so that one that leaves does not look like a reset.
import type { WorkloadSample } from './workload-families.js';

/** Sums of the workloads of one tenant that have no series of their own. Seconds and bytes. */
export interface TenantSums {
  workloads: number;
  memoryBytes: number;
  pids: number;
  cpuSeconds: number;
  receivedBytes: number;
  transmittedBytes: number;
  oomKills: number;
}

interface Counters {
  readonly cpuUsec: number;
  readonly received: number;
  readonly transmitted: number;
  readonly oomKills: number;
}

/** Tenants beyond the bound share this name, which no tenant can have. */
export const OTHER_TENANTS = '_other';

export class Rollup {
  readonly #maxTenants: number;
  readonly #sums = new Map<string, TenantSums>();
  #before = new Map<string, Counters>();
  #now = new Map<string, Counters>();

  constructor(options: { readonly maxTenants: number }) {
    this.#maxTenants = options.maxTenants;
  }

  /** Starts a round: gauges begin at zero again. */
  begin(): void {
    this.#now = new Map();
    for (const sums of this.#sums.values()) {
      sums.workloads = 0;
      sums.memoryBytes = 0;
      sums.pids = 0;
    }
  }

  add(id: string, tenant: string, sample: WorkloadSample): void {
    const { stats, link } = sample;
    const sums = this.#of(tenant);
    const now: Counters = {
      cpuUsec: stats?.cpu?.usageUsec ?? 0,
      received: link?.txBytes ?? 0,
      transmitted: link?.rxBytes ?? 0,
      oomKills: stats?.memory?.events.oomKill ?? 0,
    };
    const before = this.#before.get(id);
    sums.workloads += 1;
    sums.memoryBytes += stats?.memory?.current ?? 0;
    sums.pids += stats?.pids?.current ?? 0;
    sums.cpuSeconds += increase(before?.cpuUsec, now.cpuUsec) / 1e6;
    sums.receivedBytes += increase(before?.received, now.received);
    sums.transmittedBytes += increase(before?.transmitted, now.transmitted);
    sums.oomKills += increase(before?.oomKills, now.oomKills);
    this.#now.set(id, now);
  }

  /** Ends a round: whoever was not added in it is forgotten. */
  end(): void {
    this.#before = this.#now;
  }

  /** By tenant, of the last complete or the current round. */
  sums(): ReadonlyMap<string, Readonly<TenantSums>> {
    return this.#sums;
  }

  #of(tenant: string): TenantSums {
    const name = this.#sums.has(tenant) || this.#sums.size < this.#maxTenants ? tenant : OTHER_TENANTS;
    const known = this.#sums.get(name);
    if (known !== undefined) return known;
    const fresh: TenantSums = {
      workloads: 0,
      memoryBytes: 0,
      pids: 0,
      cpuSeconds: 0,
      receivedBytes: 0,
      transmittedBytes: 0,
      oomKills: 0,
    };
    this.#sums.set(name, fresh);
    return fresh;
  }
}

/** A first sight counts nothing: what was used before belongs to the time in which nobody looked. */
function increase(before: number | undefined, now: number): number {
  if (before === undefined) return 0;
  return now >= before ? now - before : now;
}
