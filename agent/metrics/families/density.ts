// The ledger's families. Bounded: scopes of the host, of kinds, bridges and licences are few; of tenants only so many.
import type { Ceiling } from '../../density/ceilings.js';
import type { OverheadView } from '../../density/overhead/count.js';
import type { WindowState } from '../../density/windows.js';
import type { CapacityRow } from '../../model/capacity.js';
import type { LicenceView } from '../../model/licence.js';
import type { Collectors, Values } from '../collectors.js';

export interface DensitySource {
  capacity(): readonly CapacityRow[];
  ceilings(): readonly Ceiling[];
  overhead(): readonly OverheadView[];
  windows(): readonly Pick<WindowState, 'name' | 'active'>[];
  licences(): readonly Pick<LicenceView, 'name' | 'leases'>[];
}

/** Tenants with series of their own; of more, those with the most workloads. */
const MAX_TENANTS = 200;

export function addDensityFamilies(c: Collectors, source: DensitySource): void {
  const labels = ['scope', 'dimension'];
  const units = 'in pieces, cores or bytes by dimension';
  const family = (name: string, help: string, value: (row: CapacityRow) => number | null): void =>
    c.gauge(name, `${help}, ${units}.`, labels, () =>
      bounded(source.capacity()).flatMap((row) => {
        const number = value(row);
        return number === null ? [] : [[{ scope: row.scope, dimension: row.dimension }, number] as const];
      }),
    );
  family('berth_capacity', 'What the scope has', (row) => row.capacity);
  family(
    'berth_allocatable',
    'What may be committed after reserve and overcommit; absent without a limit',
    (row) => row.allocatable,
  );
  family('berth_committed', 'What is committed to workloads', (row) => row.committed);
  family('berth_reserved', 'What reservations have set aside beside that', (row) => row.reserved);
  family(
    'berth_guaranteed',
    'What is kept free for a tenant; absent where nothing is',
    (row) => row.guaranteed ?? null,
  );
  family('berth_used', 'What is in use as measured; absent where it is not', (row) => row.used);
  c.gauge('berth_tenant_quota', `What a tenant may have at most, ${units}.`, ['tenant', 'dimension'], () =>
    bounded(source.capacity()).flatMap(({ scope, dimension, allocatable }) => {
      const [kind, tenant = '', pool] = scope.split('/');
      return kind === 'tenant' && pool === undefined && allocatable !== null
        ? [[{ tenant, dimension }, allocatable] as const]
        : [];
    }),
  );
  addOverheadFamily(c, source);
  const licence = (value: (row: CapacityRow) => number | null) => (): Values =>
    source.capacity().flatMap((row) => {
      const number = value(row);
      const [kind, name = ''] = row.scope.split('/');
      return kind === 'licence' && number !== null ? [[{ licence: name }, number] as const] : [];
    });
  c.gauge(
    'berth_licence_limit',
    'Licences of the pool, locked to this node or leased to it.',
    ['licence'],
    licence((row) => row.allocatable),
  );
  c.gauge(
    'berth_licence_in_use',
    'Licences that workloads have.',
    ['licence'],
    licence((row) => row.committed),
  );
  c.gauge(
    'berth_licence_lease_expiry_timestamp_seconds',
    'Unix time at which the first of the leases of a pool runs out unless it is renewed; absent without leases.',
    ['licence'],
    () =>
      source.licences().flatMap(({ name, leases }) => {
        const ends = leases.map(({ expiresAt }) => expiresAt);
        return ends.length === 0 ? [] : [[{ licence: name }, Math.min(...ends) / 1000] as const];
      }),
  );
  c.gauge('berth_quota_window_open', '1 while the quotas and ratios of this window count.', ['window'], () =>
    source.windows().map(({ name, active }) => [{ window: name }, Number(active)] as const),
  );
  c.gauge('berth_ceiling', 'Limits of the kernel, in what they count.', ['name'], () =>
    source.ceilings().map(({ name, limit }) => [{ name }, limit] as const),
  );
  c.gauge(
    'berth_ceiling_used',
    'How much of a limit of the kernel is used; absent where it cannot be told.',
    ['name'],
    () => source.ceilings().flatMap(({ name, used }) => (used === null ? [] : [[{ name }, used] as const])),
  );
}

/** Of what was measured the highest of all sizes: that is what must not be above what is configured. */
function addOverheadFamily(c: Collectors, source: DensitySource): void {
  const help =
    'Memory that the driver of a workload needs besides: as configured, and the 98th percentile as measured (of the size of VMs that needs most; absent until something was measured).';
  c.gauge('berth_driver_overhead_bytes', help, ['driver', 'source'], () => {
    const found = new Map<string, readonly [{ driver: string; source: string }, number]>();
    for (const { driver, configured, measured } of source.overhead()) {
      found.set(`${driver} configured`, [{ driver, source: 'configured' }, configured]);
      if (measured === null) continue;
      const most = Math.max(measured, found.get(`${driver} measured`)?.[1] ?? 0);
      found.set(`${driver} measured`, [{ driver, source: 'measured' }, most]);
    }
    return found.values();
  });
}

function bounded(rows: readonly CapacityRow[]): readonly CapacityRow[] {
  const counts = rows.filter(({ scope, dimension }) => dimension === 'workloads' && scope.startsWith('tenant/'));
  if (counts.length <= MAX_TENANTS) return rows;
  const most = [...counts].sort((a, b) => b.committed - a.committed).slice(0, MAX_TENANTS);
  const kept = new Set(most.map(({ scope }) => scope));
  return rows.filter(({ scope }) => !scope.startsWith('tenant/') || kept.has(scope.split('/').slice(0, 2).join('/')));
}
