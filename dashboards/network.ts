// The network section of the host dashboard: what is dropped and why, what others change, what runs short.
import { EACH, graph, HOST, quantile, rate, top, WORKLOAD } from './expressions.js';
import type { PanelRow } from './panels.js';

export const network: readonly PanelRow[] = [
  graph('Dropped by reason', 'Packets that the packet filter dropped, all selected workloads.', 'pps', [
    [rate('berth_workload_net_dropped_total', WORKLOAD, 'reason'), '{{reason}}'],
  ]),
  graph('Dropped by workload', 'Packets that the packet filter dropped, the 20 largest.', 'pps', [
    [top(rate('berth_workload_net_dropped_total', WORKLOAD, 'tenant, workload')), EACH],
  ]),
  graph(
    'New connections to the outside',
    'Let pass by berth, and of those let pass by everyone else on the host: the lines should be one.',
    'cps',
    [
      [rate('berth_forward_offered_total', HOST), 'let pass by berth'],
      [rate('berth_forward_passed_total', HOST), 'let pass by all'],
    ],
  ),
  graph('Changes from outside', 'Networks of workloads changed by others, and put right.', 'short', [
    [`sum by (kind) (increase(berth_external_changes_total{${HOST}}[$__rate_interval]))`, 'changed: {{kind}}'],
    [`sum by (kind) (increase(berth_drift_repairs_total{${HOST}}[$__rate_interval]))`, 'put right: {{kind}}'],
  ]),
  graph('Address pools', 'Share of each pool that workloads have.', 'percentunit', [
    [
      `sum by (instance, pool) (berth_pool_leased_addresses{${HOST}}) / sum by (instance, pool) (berth_pool_addresses{${HOST}})`,
      '{{instance}} {{pool}}',
    ],
  ]),
  graph('Resting addresses', 'Released a moment ago, and those given out again too early.', 'short', [
    [`sum by (pool) (berth_pool_resting_addresses{${HOST}})`, 'resting: {{pool}}'],
    [`sum by (pool) (increase(berth_pool_early_leases_total{${HOST}}[$__rate_interval]))`, 'early: {{pool}}'],
  ]),
  graph('Ready-made namespaces', 'Free now, and what became of them.', 'short', [
    [`sum by (kind) (berth_network_slots_ready{${HOST}})`, 'ready: {{kind}}'],
    [`sum by (result) (increase(berth_network_slots_total{${HOST}}[$__rate_interval]))`, '{{result}}'],
  ]),
  graph('Network operations', 'Time in the network room, waiting for its worker included.', 's', [
    [quantile(0.5, 'berth_network_operation_seconds', 'operation'), '{{operation}} p50'],
    [quantile(0.99, 'berth_network_operation_seconds', 'operation'), '{{operation}} p99'],
  ]),
  graph('Tracked connections', 'Share of the connections that the kernel can track.', 'percentunit', [
    [
      `sum by (instance) (berth_conntrack_entries{${HOST}}) / sum by (instance) (berth_conntrack_limit{${HOST}})`,
      '{{instance}}',
    ],
  ]),
];
