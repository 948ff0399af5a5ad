// Families of the node's network: pools, ready-made namespaces, changes from outside, connections.
import type { SlotCounts } from '../../../netns/types.js';
import type { PoolUsage } from '../../network/claims.js';
import type { DriftKind } from '../../network/drift.js';
import type { Collectors } from '../collectors.js';
import type { LimitsSource } from './limits.js';

export interface NetworkFigures {
  readonly pools: readonly PoolUsage[];
  readonly slots: Pick<SlotCounts, 'ready' | 'handedOut' | 'recycled' | 'discarded'>;
  /** Changes from outside found and put right, by kind; every kind always, zeros included. */
  readonly drift: Readonly<Record<'found' | 'repaired', Readonly<Record<DriftKind, number>>>>;
  /** New connections of workloads that left our chain, and those of them that others let pass. */
  readonly forwarded: { readonly offered: number; readonly passed: number };
  /** Undefined where the kernel tracks no connections. */
  readonly conntrack: { readonly entries: number; readonly limit: number } | undefined;
}

export interface NetworkSource extends LimitsSource {
  network(): NetworkFigures;
}

export function addNetworkFamilies(c: Collectors, source: NetworkSource): void {
  const figures = () => source.network();
  const ofPools = (value: (pool: PoolUsage) => number) => () =>
    figures().pools.map((pool) => [{ pool: pool.pool }, value(pool)] as const);
  c.gauge(
    'berth_pool_addresses',
    'Addresses of a pool, by its key in the configuration.',
    ['pool'],
    ofPools((p) => p.total),
  );
  c.gauge(
    'berth_pool_leased_addresses',
    'Addresses of a pool that workloads have.',
    ['pool'],
    ofPools((p) => p.leased),
  );
  c.gauge(
    'berth_pool_resting_addresses',
    'Addresses of a pool that were released a moment ago and are given out last.',
    ['pool'],
    ofPools((p) => p.resting),
  );
  c.counter(
    'berth_pool_early_leases_total',
    'Addresses of a pool that were given out again before they had rested.',
    ['pool'],
    ofPools((p) => p.early),
  );
  c.gauge('berth_network_slots_ready', 'Namespaces that are ready-made and free.', ['kind'], () =>
    Object.entries(figures().slots.ready).map(([kind, count]) => [{ kind }, count] as const),
  );
  c.counter('berth_network_slots_total', 'Ready-made namespaces by what became of them.', ['result'], () => {
    const { handedOut, recycled, discarded } = figures().slots;
    return [
      [{ result: 'handed_out' }, handedOut],
      [{ result: 'recycled' }, recycled],
      [{ result: 'discarded' }, discarded],
    ];
  });
  const byKind = (which: 'found' | 'repaired') => () =>
    [...Object.entries(figures().drift[which]), ...source.limits().changes[which]].map(
      ([kind, count]) => [{ kind }, count] as const,
    );
  c.counter(
    'berth_external_changes_total',
    'Changes by others, of networks by kind, of limits by file.',
    ['kind'],
    byKind('found'),
  );
  c.counter('berth_drift_repairs_total', 'Such changes that were put right.', ['kind'], byKind('repaired'));
  c.counter(
    'berth_forward_offered_total',
    'New connections of workloads to the outside that berth let pass.',
    [],
    () => [[{}, figures().forwarded.offered]],
  );
  c.counter('berth_forward_passed_total', 'Those of them that all other tables let pass, too.', [], () => [
    [{}, figures().forwarded.passed],
  ]);
  c.gauge('berth_conntrack_entries', 'Connections that the kernel tracks.', [], () => {
    const { conntrack } = figures();
    return conntrack === undefined ? [] : [[{}, conntrack.entries]];
  });
  c.gauge('berth_conntrack_limit', 'Connections that the kernel can track; beyond, new ones are dropped.', [], () => {
    const { conntrack } = figures();
    return conntrack === undefined ? [] : [[{}, conntrack.limit]];
  });
}
