// The ledger as it is published: one row for each dimension of each scope. Bounded: of a tenant or a kind only what is
// limited, guaranteed or of interest everywhere.
import type { CapacityRow } from '../model/capacity.js';
import { COUNT, DIMENSION_NAMES, type DimensionName, outward } from '../model/dimensions.js';
import type { Account, PoolSum, TenantAccount } from './account.js';
import type { Limits } from './limits.js';
import { UNLIMITED } from './limits.js';

/** What is in use now as measured, in outward units; undefined: nobody measures it. */
export type Used = (scope: string, dimension: CapacityRow['dimension']) => number | undefined;

export interface Sums {
  readonly limits: Limits;
  readonly host: Account;
  readonly kinds: ReadonlyMap<string, Account>;
  readonly tenantAccounts: ReadonlyMap<string, TenantAccount>;
  readonly pools: ReadonlyMap<string, PoolSum>;
}

const EVERYWHERE: readonly DimensionName[] = ['workloads', 'cpu', 'memory'];

export function ledgerRows(sums: Sums, used: Used = () => undefined): CapacityRow[] {
  return [...sharedRows(sums, used), ...[...rowsOfTenants(sums, tenantsOf(sums), used).values()].flat()];
}

/** Of the host, of kinds of drivers, of bridges and licences: what no tenant has for itself. */
export function sharedRows(sums: Sums, used: Used = () => undefined): CapacityRow[] {
  const isShared = (scope: string): boolean => !scope.startsWith('tenant/');
  return [...hostRows(sums, used), ...kindRows(sums, used), ...poolRows(sums, used, isShared)];
}

/** Who has rows, by name. */
export function tenantsOf({
  tenantAccounts,
  limits,
  pools,
}: Pick<Sums, 'tenantAccounts' | 'limits' | 'pools'>): string[] {
  const scopes = [...limits.pools.keys(), ...pools.keys()].filter((scope) => scope.startsWith('tenant/'));
  return [...new Set([...tenantAccounts.keys(), ...scopes.map((scope) => scope.split('/')[1] ?? '')])].sort();
}

/** Of these tenants alone, by tenant. */
export function rowsOfTenants(
  sums: Sums,
  names: readonly string[],
  used: Used = () => undefined,
): Map<string, CapacityRow[]> {
  const found = new Map(names.map((name) => [name, tenantRow(sums, name, used)]));
  const isOf = (scope: string): boolean => scope.startsWith('tenant/') && found.has(scope.split('/')[1] ?? '');
  for (const row of poolRows(sums, used, isOf)) found.get(row.scope.split('/')[1] ?? '')?.push(row);
  return found;
}

function hostRows({ limits: { host: limits }, host }: Sums, used: Used): CapacityRow[] {
  return DIMENSION_NAMES.flatMap((dimension, at) => {
    const allocatable = limits.allocatable[at] ?? 0;
    if (allocatable === Number.POSITIVE_INFINITY && host.held(at) === 0) return [];
    const row = rowOf('host', dimension, at, host, limits.capacity[at] ?? 0, allocatable, used);
    return [{ ...row, kept: outward(dimension, limits.kept[at] ?? 0) }];
  });
}

function kindRows({ limits, kinds }: Sums, used: Used): CapacityRow[] {
  const names = new Set([...limits.kinds.keys(), ...kinds.keys()]);
  return [...names].sort().flatMap((name) => {
    const found = kinds.get(name);
    const account = found?.empty === false ? found : undefined;
    const most = limits.kinds.get(name as never) ?? UNLIMITED;
    return rowsOf(scopeOfKind(name), most, account, limits, used);
  });
}

/** `kind/DRIVER`, `engine/ENGINE`. */
export function scopeOfKind(kind: string): string {
  return kind.startsWith('engine/') ? kind : `kind/${kind}`;
}

function tenantRow({ limits, tenantAccounts }: Sums, tenant: string, used: Used): CapacityRow[] {
  const ward = tenantAccounts.get(tenant);
  if (ward === undefined) return [];
  const { quota, guaranteed } = ward.limits;
  return rowsOf(`tenant/${tenant}`, quota, ward.account, limits, used).map((row) => {
    const share = guaranteed[DIMENSION_NAMES.indexOf(row.dimension as DimensionName)] ?? 0;
    return share === 0 ? row : { ...row, guaranteed: outward(row.dimension, share) };
  });
}

function rowsOf(
  scope: string,
  most: Float64Array,
  account: Account | undefined,
  limits: Limits,
  used: Used,
): CapacityRow[] {
  const rows: CapacityRow[] = [];
  for (let at = 0; at < COUNT; at++) {
    const dimension = DIMENSION_NAMES[at];
    const limit = most[at] ?? Number.POSITIVE_INFINITY;
    if (dimension === undefined) continue;
    if (limit === Number.POSITIVE_INFINITY && (account === undefined || !EVERYWHERE.includes(dimension))) continue;
    rows.push(rowOf(scope, dimension, at, account, limits.host.capacity[at] ?? 0, limit, used));
  }
  return rows;
}

function poolRows({ limits, pools }: Sums, used: Used, wanted: (scope: string) => boolean): CapacityRow[] {
  const scopes = new Set([...limits.pools.keys(), ...pools.keys()]);
  return [...scopes]
    .filter(wanted)
    .sort()
    .flatMap((scope) => {
      const dimension = scope.startsWith('bridge/') ? 'bridge_ports' : 'licences';
      const { capacity = null, allocatable = null } = limits.pools.get(scope) ?? {};
      const { committed, reserved } = pools.get(scope) ?? { committed: 0, reserved: 0 };
      // A tenant's share of a licence is of no interest where nothing limits it.
      if (scope.startsWith('tenant/') && allocatable === null) return [];
      const kept = capacity === null || allocatable === null ? 0 : Math.max(0, capacity - allocatable);
      return [
        { scope, dimension, capacity, kept, allocatable, committed, reserved, used: used(scope, dimension) ?? null },
      ];
    });
}

function rowOf(
  scope: string,
  dimension: DimensionName,
  at: number,
  account: Account | undefined,
  capacity: number,
  allocatable: number,
  used: Used,
): CapacityRow {
  return {
    scope,
    dimension,
    capacity: finite(outward(dimension, capacity)),
    kept: 0,
    allocatable: finite(outward(dimension, allocatable)),
    committed: outward(dimension, account?.committed[at] ?? 0),
    reserved: outward(dimension, account?.reserved[at] ?? 0),
    used: used(scope, dimension) ?? null,
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
