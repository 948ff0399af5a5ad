// The network section of the host dashboard: what is dropped and why, what others change, what runs short.
import { EACH, events, graph, HOST, quantile, rate, share, sum, top, WORKLOAD } from './expressions.js';
import type { PanelRow } from './panels.js';

/** Limits are counted by their file, which has a dot. */
const NETWORKS = `${HOST},kind!~".+[.].+"`;

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
    [events('berth_external_changes_total', NETWORKS, 'kind'), 'changed: {{kind}}'],
    [events('berth_drift_repairs_total', NETWORKS, 'kind'), 'put right: {{kind}}'],
  ]),
  graph('Address pools', 'Share of each pool that workloads have.', 'percentunit', [
    [share('berth_pool_leased_addresses', 'berth_pool_addresses', HOST, 'instance, pool'), '{{instance}} {{pool}}'],
  ]),
  graph('Resting addresses', 'Released a moment ago, and those given out again too early.', 'short', [
    [sum('berth_pool_resting_addresses', HOST, 'pool'), 'resting: {{pool}}'],
    [events('berth_pool_early_leases_total', HOST, 'pool'), 'early: {{pool}}'],
  ]),
  graph('Ready-made namespaces', 'Free now, and what became of them.', 'short', [
    [sum('berth_network_slots_ready', HOST, 'kind'), 'ready: {{kind}}'],
    [events('berth_network_slots_total', HOST, 'result'), '{{result}}'],
  ]),
  graph('Network operations', 'Time in the network room, waiting for its worker included.', 's', [
    [quantile(0.5, 'berth_network_operation_seconds', 'operation'), '{{operation}} p50'],
    [quantile(0.99, 'berth_network_operation_seconds', 'operation'), '{{operation}} p99'],
  ]),
  graph('Tracked connections', 'Share of the connections that the kernel can track.', 'percentunit', [
    [share('berth_conntrack_entries', 'berth_conntrack_limit', HOST, 'instance'), '{{instance}}'],
  ]),
];
