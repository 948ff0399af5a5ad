// A number for each tenant. It goes into IFLA_GROUP of all its links, and the packet filter lets routed traffic pass only
// between links of one number: two tenants must never share one.

/** 0 is the kernel's default for every link, 1 is what sandboxes had before tenants were told apart. */
const FIRST = 2;
const LAST = 2 ** 31 - 1;

export class Groups {
  readonly #byTenant = new Map<string, { readonly group: number; readonly ids: Set<string> }>();
  readonly #taken = new Set<number>();
  /** Numbers on links that no record explains: whoever is behind them must not become somebody else's neighbour. */
  #foreign: ReadonlySet<number> = new Set();

  /** The number of the tenant of `id`: the one it has while any workload of it is known, else the lowest free. */
  of(id: string, tenant: string): number {
    const known = this.#byTenant.get(tenant);
    if (known !== undefined) {
      known.ids.add(id);
      return known.group;
    }
    let group = FIRST;
    while (this.#taken.has(group) || this.#foreign.has(group)) group += 1;
    if (group > LAST) throw new RangeError('no group number is free');
    return this.#take(id, tenant, group);
  }

  /**
   * Takes up a number found in a record. The tenant's own stays when it has one already, and one that another tenant
   * holds is not taken: both answer with the number that is to be used.
   */
  restore(id: string, tenant: string, group: number): number {
    if (this.#byTenant.has(tenant) || this.#taken.has(group) || group < FIRST || group > LAST)
      return this.of(id, tenant);
    return this.#take(id, tenant, group);
  }

  /** The workload is no more; with the last one of a tenant its number is free. */
  forget(id: string): void {
    for (const [tenant, { group, ids }] of this.#byTenant) {
      if (!ids.delete(id) || ids.size > 0) continue;
      this.#byTenant.delete(tenant);
      this.#taken.delete(group);
    }
  }

  /** Not to be given out, as links of orphans carry them. */
  avoid(groups: ReadonlySet<number>): void {
    this.#foreign = groups;
  }

  #take(id: string, tenant: string, group: number): number {
    this.#byTenant.set(tenant, { group, ids: new Set([id]) });
    this.#taken.add(group);
    return group;
  }
}
