// Changes of tenants while everything runs, with what must hold for them: guaranteed shares fit the host, nothing of a
// tenant with workloads is taken away, and lowering a quota under its use stops new starts and nothing else, unless asked.

import { defined } from '../../linux/defined.js';
import { BerthError } from '../../protocol/errors.js';
import { inRange } from '../base/pages.js';
import type { GrantName } from '../config/drivers.js';
import type { CapacityRow, TenantFilter } from '../model/capacity.js';
import { DIMENSION_NAMES, DIMENSIONS, shown } from '../model/dimensions.js';
import type { Victim } from '../model/preemption.js';
import { isAdopted } from './adopted.js';
import type { Density } from './density.js';
import { amountsVector } from './policy.js';
import type { Shortage } from './refusal.js';
import type { TenantChange } from './tenant-settings.js';
import { present, type TenantSettings } from './tenant-settings.js';
import type { Source, Tenant } from './tenants.js';
import { excessOf, makeRoom } from './victims.js';

/** As `tenant.list` and `tenant.set` answer it. Amounts in cores, bytes, pieces. */
export interface TenantView extends TenantSettings {
  readonly name: string;
  readonly sources: Readonly<Record<string, Source>>;
  /** What its workloads are granted beyond their sandbox, whoever creates them: tenant.NAME.allow. */
  readonly allow: readonly GrantName[];
  /** Workloads and reservations that hold anything now. */
  readonly rows: readonly CapacityRow[];
  /** Dimensions in which it has more than its quota: nothing that needs them starts. */
  readonly over: readonly string[];
}

export class TenantAdmin {
  readonly #density: Density;
  /** Whether any record is of this tenant, stopped ones among them. */
  readonly #hasWorkloads: (tenant: string) => boolean;
  readonly #names: () => Iterable<string>;

  constructor(density: Density, hasWorkloads: (tenant: string) => boolean, names: () => Iterable<string>) {
    this.#density = density;
    this.#hasWorkloads = hasWorkloads;
    this.#names = names;
  }

  list({ sees = () => true, ...range }: TenantFilter = {}): TenantView[] {
    const all = new Set([...this.#density.tenants.names(), ...this.#names()]);
    const names = inRange([...all].filter(sees), (name) => name, range);
    const rows = this.#density.rowsOfTenants(names);
    return names.map((name) => this.#viewOf(this.#density.tenants.get(name), rows.get(name) ?? []));
  }

  /**
   * In force and durable when it resolves. Throws `tenant_unknown` for one that nobody has named, unless `create`;
   * `invalid_quota`, `licence_unknown`, `guarantee_too_large`.
   */
  async set(name: string, change: TenantChange, create: boolean): Promise<TenantView> {
    const { tenants, licences } = this.#density;
    if (!create && !tenants.known(name) && !this.#hasWorkloads(name))
      throw new BerthError('tenant_unknown', `there is no tenant "${name}"`, { data: { tenant: name } });
    for (const licence of Object.keys(change.licences ?? {})) licences.definition(licence);
    const after = await tenants.change(name, change, (made) => this.#check(made));
    this.#density.look();
    return this.#viewOf(after, this.#density.rowsOfTenants([name]).get(name) ?? []);
  }

  /** Throws `tenant_unknown`, `tenant_in_use`, `tenant_in_file`. */
  async delete(name: string): Promise<void> {
    const { tenants, ledger } = this.#density;
    if (!tenants.known(name) && !this.#hasWorkloads(name))
      throw new BerthError('tenant_unknown', `there is no tenant "${name}"`, { data: { tenant: name } });
    if (!tenants.isSet(name) && tenants.known(name))
      throw new BerthError('tenant_in_file', `tenant "${name}" is in the configuration of this node`, {
        data: { tenant: name },
      });
    await tenants.remove(name, () => {
      if (this.#hasWorkloads(name) || ledger.tenantInUse(name))
        throw new BerthError('tenant_in_use', `tenant "${name}" has workloads or reservations`, {
          data: { tenant: name },
        });
    });
    this.#density.refresh();
  }

  /** Workloads of the tenant that would have to go for its quotas to hold, lowest promise first; none needlessly. */
  overdue(name: string): readonly Victim[] {
    const { ledger } = this.#density;
    const candidates = [...ledger.holds()].flatMap(([id, hold]) => {
      const { tenant, class: of, priority } = hold.demand;
      // berth stops nothing of another engine.
      if (tenant !== name || hold.phase !== 'committed' || isAdopted(id)) return [];
      const excess = this.#density.excess(id);
      return [{ id, tenant, class: of, priority, hold, ...defined({ excess }) }];
    });
    const { victims } = makeRoom(ledger, name, candidates, () => this.#excess(name));
    return victims.map(({ id, tenant, class: of, priority }) => ({ id, tenant, class: of, priority }));
  }

  #excess(name: string): Shortage[] {
    const ward = this.#density.ledger.tenantAccount(name);
    return ward === undefined ? [] : excessOf(name, ward.limits.quota, (at) => ward.account.committed[at] ?? 0);
  }

  #check(made: Tenant): void {
    for (const dimension of DIMENSION_NAMES) {
      const [share, quota] = [made.guaranteed[dimension], made.quota[dimension]];
      const text = (amount: number) => shown(dimension, amount * DIMENSIONS[dimension].scale);
      if (share !== undefined && quota !== undefined && share > quota)
        throw new BerthError(
          'invalid_quota',
          `guaranteed.${dimension} of tenant "${made.name}" would be ${text(share)}, more than its quota of ${text(quota)}`,
          {
            hint: `Lower the share, or raise the quota: \`berth tenant set ${made.name} ${dimension}=...\`.`,
            data: { tenant: made.name, dimension, guaranteed: share, quota },
          },
        );
    }
    const { allocatable } = this.#density.ledger.limits.host;
    const others = this.#density.tenants.names().filter((name) => name !== made.name);
    const all = [...others.map((name) => this.#density.tenants.get(name)), made];
    const shares = all.map(({ guaranteed }) => amountsVector(guaranteed, 0));
    for (const [at, dimension] of DIMENSION_NAMES.entries()) {
      const sum = shares.reduce((total, share) => total + (share[at] ?? 0), 0);
      const limit = allocatable[at] ?? 0;
      if (sum <= limit || made.guaranteed[dimension] === undefined) continue;
      throw new BerthError(
        'guarantee_too_large',
        `guaranteed shares of ${dimension} would be ${shown(dimension, sum)} of ${shown(dimension, limit)}`,
        { data: { dimension, sum: sum / DIMENSIONS[dimension].scale, limit: limit / DIMENSIONS[dimension].scale } },
      );
    }
  }

  #viewOf(tenant: Tenant, rows: readonly CapacityRow[]): TenantView {
    const { name, quota, guaranteed, licences, limits, sources } = tenant;
    const over = this.#excess(name).map(({ dimension }) => dimension);
    const allow = this.#density.config.tenant[name]?.allow ?? [];
    return present<TenantView>({ name, quota, guaranteed, licences, limits, sources, allow, rows, over });
  }
}
