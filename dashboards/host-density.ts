// The host dashboard: what a node holds, what it refuses, how its workloads do, and how the agent itself does.
import { EACH, graph, HOST, quantile, rate, stat, top, WORKLOAD } from './expressions.js';
import { network } from './network.js';
import type { DashboardTable, PanelRow } from './panels.js';

function threeOf(dimension: string): PanelRow['queries'] {
  const of = (metric: string): string => `sum (${metric}{${HOST},scope="host",dimension="${dimension}"})`;
  return [
    [of('berth_capacity'), 'capacity'],
    [of('berth_allocatable'), 'allocatable'],
    [of('berth_committed'), 'committed'],
  ];
}

const host: readonly PanelRow[] = [
  stat('Ready', 'Whether every selected node takes workloads.', 'bool_yes_no', `min (berth_node_ready{${HOST}})`),
  stat('Running', 'Workloads running now.', 'short', `sum (berth_workloads{${HOST},state="running"})`),
  stat('Failed', 'Workloads that gave up.', 'short', `sum (berth_workloads{${HOST},state="failed"}) or vector(0)`),
  stat(
    'Leaked objects',
    'Kernel objects without a workload; must be 0.',
    'short',
    `sum (berth_leaked_objects{${HOST}})`,
  ),
  stat(
    'Conditions',
    'Findings of the doctor that stand.',
    'short',
    `count (berth_health_condition{${HOST}}) or vector(0)`,
  ),
  stat('Nodes', 'Agents selected.', 'short', `count (berth_build_info{${HOST}})`),
  graph('Workloads by state', 'All workloads of the selected nodes.', 'short', [
    [`sum by (state) (berth_workloads{${HOST}})`, '{{state}}'],
  ]),
  graph(
    'Committed share',
    'Committed in proportion to allocatable; at 100 % the next request is refused.',
    'percentunit',
    [
      [
        `sum by (dimension) (berth_committed{${HOST},scope="host"}) / sum by (dimension) (berth_allocatable{${HOST},scope="host"})`,
        '{{dimension}}',
      ],
    ],
  ),
  graph('Memory in the ledger', 'Host memory, what may be promised of it, and what is.', 'bytes', threeOf('memory')),
  graph(
    'Cores in the ledger',
    'Cores of the host, what may be promised of them, and what is.',
    'short',
    threeOf('cpu'),
  ),
  graph('Places in the ledger', 'Number of workloads the host may hold, and holds.', 'short', threeOf('workloads')),
  graph('Addresses in the ledger', 'Addresses of the pool.', 'short', threeOf('addresses')),
  graph('Admissions and refusals', 'Decisions a second; refusals by the dimension that was short.', 'cps', [
    [rate('berth_admission_decisions_total', `${HOST},result="admitted"`), 'admitted'],
    [rate('berth_admission_decisions_total', `${HOST},result="refused"`, 'dimension'), 'refused: {{dimension}}'],
  ]),
  graph('Admission latency', 'From the request to the durable answer.', 's', [
    [quantile(0.5, 'berth_admission_latency_seconds'), 'p50'],
    [quantile(0.99, 'berth_admission_latency_seconds'), 'p99'],
  ]),
  graph('Start duration', 'From admission to running, 95th percentile.', 's', [
    [quantile(0.95, 'berth_start_duration_seconds', 'driver'), '{{driver}}'],
  ]),
  graph('Leaked and reaped objects', 'Orphans found, and removals of orphans a second.', 'short', [
    [`sum by (kind) (berth_leaked_objects{${HOST}})`, 'leaked: {{kind}}'],
    [rate('berth_reaped_objects_total', HOST, 'kind'), 'reaped a second: {{kind}}'],
  ]),
  graph('Agent processor time', 'Cores used by the agent itself.', 'short', [
    [rate('berth_process_cpu_seconds_total', HOST, 'instance'), '{{instance}}'],
  ]),
  graph('Agent memory', 'Resident memory of the agent itself.', 'bytes', [
    [`sum by (instance) (berth_process_resident_memory_bytes{${HOST}})`, '{{instance}}'],
  ]),
  graph('Agent event loop lag', 'How late the main loop comes to its work; above 10 ms something blocks it.', 's', [
    [`max by (instance) (berth_nodejs_eventloop_lag_p99_seconds{${HOST}})`, '{{instance}} p99'],
  ]),
  graph('Sampling', 'Age of the last sample of all workloads, and how long it took.', 's', [
    [`max by (instance) (berth_sample_age_seconds{${HOST}})`, '{{instance}} age'],
    [`max by (instance) (berth_sample_duration_seconds{${HOST}})`, '{{instance}} duration'],
  ]),
  graph('Series', 'Per-workload series served, and series refused by the budget.', 'short', [
    [`sum (berth_scrape_series{${HOST}})`, 'served'],
    [`sum (increase(berth_scrape_series_dropped_total{${HOST}}[$__rate_interval]))`, 'refused'],
  ]),
];

const workloads: readonly PanelRow[] = [
  graph('Processor time', 'Cores used, the 20 largest.', 'short', [
    [top(rate('berth_workload_cpu_seconds_total', WORKLOAD, 'tenant, workload')), EACH],
  ]),
  graph(
    'Throttling',
    'Share of runnable periods in which the limit held a workload back, the 20 largest.',
    'percentunit',
    [
      [
        top(
          `${rate('berth_workload_cpu_throttled_periods_total', WORKLOAD, 'tenant, workload')} / (${rate('berth_workload_cpu_periods_total', WORKLOAD, 'tenant, workload')} > 0)`,
        ),
        EACH,
      ],
    ],
  ),
  graph('Throttled time', 'Seconds held back a second, the 20 largest.', 'short', [
    [top(rate('berth_workload_cpu_throttled_seconds_total', WORKLOAD, 'tenant, workload')), EACH],
  ]),
  graph('Memory', 'Charged memory, page cache included, the 20 largest.', 'bytes', [
    [top(`sum by (tenant, workload) (berth_workload_memory_bytes{${WORKLOAD}})`), EACH],
  ]),
  graph('Memory in proportion to the limit', 'The 20 closest to their limit; without a limit 0.', 'percentunit', [
    [top(`berth_workload_memory_bytes{${WORKLOAD}} / berth_workload_memory_limit_bytes{${WORKLOAD}}`), EACH],
  ]),
  graph('Memory events', 'Reclaim at the limit, failed allocations and kills.', 'short', [
    [`sum by (event) (increase(berth_workload_memory_events_total{${WORKLOAD}}[$__rate_interval]))`, '{{event}}'],
  ]),
  graph('Processes', 'Processes and threads, the 20 largest.', 'short', [
    [top(`sum by (tenant, workload) (berth_workload_pids{${WORKLOAD}})`), EACH],
  ]),
  graph('Network', 'Bytes a second as the workload sees them, the 20 largest.', 'binBps', [
    [top(rate('berth_workload_network_bytes_total', WORKLOAD, 'tenant, workload, direction')), `${EACH} {{direction}}`],
  ]),
  graph('Packets and drops', 'Packets a second and those dropped, all selected workloads.', 'pps', [
    [rate('berth_workload_network_packets_total', WORKLOAD, 'direction'), '{{direction}}'],
    [rate('berth_workload_network_dropped_total', WORKLOAD, 'direction'), '{{direction}} dropped'],
  ]),
  graph('Pressure', 'Share of time in which some task waited for a resource, the 20 largest.', 'percentunit', [
    [
      top(rate('berth_workload_pressure_seconds_total', `${WORKLOAD},kind="some"`, 'tenant, workload, resource')),
      `${EACH} {{resource}}`,
    ],
  ]),
  graph('Ends by cause', 'Processes of workloads that ended, on the selected nodes.', 'short', [
    [`sum by (cause) (increase(berth_ends_total{${HOST}}[$__rate_interval]))`, '{{cause}}'],
  ]),
  graph('Restarts', 'Restarts by the restart policy, the 20 largest.', 'short', [
    [top(`sum by (tenant, workload) (increase(berth_workload_restarts_total{${WORKLOAD}}[$__rate_interval]))`), EACH],
  ]),
];

const control: readonly PanelRow[] = [
  graph('Schedulers', '1 while the connection to a scheduler stands.', 'short', [
    [`min by (instance, scheduler) (berth_control_connected{${HOST}})`, '{{instance}} {{scheduler}}'],
  ]),
  graph('Requests', 'Requests of the control protocol a second.', 'reqps', [
    [rate('berth_control_requests_total', HOST, 'method, result'), '{{method}} {{result}}'],
  ]),
  graph('Events and journal', 'Events and durable journal entries a second.', 'cps', [
    [rate('berth_control_events_total', HOST), 'events'],
    [rate('berth_journal_writes_total', HOST), 'journal entries'],
  ]),
  graph('Reconciler', 'Time of one pass over a workload.', 's', [
    [quantile(0.5, 'berth_reconcile_duration_seconds'), 'p50'],
    [quantile(0.99, 'berth_reconcile_duration_seconds'), 'p99'],
  ]),
];

export const HOST_DENSITY: DashboardTable = {
  uid: 'berth-host',
  title: 'berth / Host density',
  description: 'Capacity, workloads and health of hosts that run the berth node agent.',
  anchor: 'berth_build_info',
  variables: [
    { name: 'tenant', label: 'Tenant', from: 'berth_workload_info' },
    { name: 'workload', label: 'Workload', from: 'berth_workload_info' },
  ],
  sections: [
    { title: 'Host', panels: host },
    { title: 'Workloads', panels: workloads },
    { title: 'Network', panels: network },
    { title: 'Control', panels: control },
  ],
};
