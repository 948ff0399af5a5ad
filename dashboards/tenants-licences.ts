// The dashboard of tenants: what they may have, have been promised and use; and of licences.
import { graph, HOST, share, stat, sum, top } from './expressions.js';
import type { DashboardTable, PanelRow } from './panels.js';

const TENANT = `${HOST},tenant=~"$tenant"`;
/** Rows of the ledger of a tenant, its licences included. */
const OF_TENANT = `${HOST},scope=~"tenant/($tenant)(/.+)?"`;

/** Of workloads with series of their own and of those beyond metrics.max_series, who are summed up. */
function both(metric: string, rollup: string, by = 'tenant'): string {
  return `sum by (${by}) (${metric}{${TENANT}} or ${rollup}{${TENANT}})`;
}

function bothRates(metric: string, rollup: string, by = 'tenant'): string {
  const of = (name: string): string => `rate(${name}{${TENANT}}[$__rate_interval])`;
  return `sum by (${by}) (${of(metric)} or ${of(rollup)})`;
}

function kills(): string {
  const of = (name: string, more: string): string => `increase(${name}{${TENANT}${more}}[$__rate_interval])`;
  const [own, rest] = [
    of('berth_workload_memory_events_total', ',event="oom_kill"'),
    of('berth_rollup_oom_kills_total', ''),
  ];
  return `sum by (tenant) (${own} or ${rest})`;
}

function measured(dimension: string): string {
  const matchers = `${OF_TENANT},dimension="${dimension}"`;
  return top(`${sum('berth_used', matchers, 'scope')} / (${sum('berth_committed', matchers, 'scope')} > 0)`);
}

const tenants: readonly PanelRow[] = [
  stat(
    'Tenants',
    'With something committed to them. Beyond 200 on a node only those with the most workloads have series.',
    'short',
    `count (count by (scope) (berth_committed{${OF_TENANT},dimension="workloads"} > 0)) or vector(0)`,
    6,
  ),
  stat(
    'Over quota',
    'Dimensions in which a tenant has more than its quota: lowered under its use. What runs goes on, nothing that needs more of it starts.',
    'short',
    `count (berth_committed{${OF_TENANT}} > berth_allocatable{${OF_TENANT}}) or vector(0)`,
    6,
  ),
  stat(
    'Closest to a quota',
    'The largest share of any quota that is committed.',
    'percentunit',
    `max (berth_committed{${OF_TENANT}} / berth_allocatable{${OF_TENANT}})`,
    6,
  ),
  stat(
    'Workloads without series',
    'Beyond metrics.max_series: counted here in the sums of their tenants only.',
    'short',
    `${sum('berth_rollup_workloads', TENANT)} or vector(0)`,
    6,
  ),
  graph(
    'Quota use',
    'Committed in proportion to the quota on that node, the 20 closest. Above 100 % the quota was lowered: `berth tenant show NAME` has the figures, `berth tenant set NAME --evict` enforces them.',
    'percentunit',
    [[top(`berth_committed{${OF_TENANT}} / berth_allocatable{${OF_TENANT}}`), '{{instance}} {{scope}} {{dimension}}']],
    12,
  ),
  graph(
    'Memory used of the quota',
    'What the workloads of a tenant really have in memory, in proportion to its quotas on all nodes, the 20 largest. Low for long: the quota keeps memory from others.',
    'percentunit',
    [
      [
        top(
          `${both('berth_workload_memory_bytes', 'berth_rollup_memory_bytes')} / ${sum('berth_tenant_quota', `${TENANT},dimension="memory"`, 'tenant')}`,
        ),
        '{{tenant}}',
      ],
    ],
    12,
  ),
  graph(
    'Borrowed',
    'Committed beyond what is guaranteed to the tenant, in proportion to that, the 20 largest. Others get none of it back before those workloads go; below zero: so much of the share is free for it still.',
    'percentunit',
    [
      [
        top(`berth_committed{${OF_TENANT}} / berth_guaranteed{${OF_TENANT}} - 1`),
        '{{instance}} {{scope}} {{dimension}}',
      ],
    ],
    24,
  ),
  graph('Workloads of tenants', 'Committed places, the 20 largest.', 'short', [
    [top(sum('berth_committed', `${OF_TENANT},dimension="workloads"`, 'scope')), '{{scope}}'],
  ]),
  graph('Cores promised', 'Committed cores, the 20 largest.', 'short', [
    [top(sum('berth_committed', `${OF_TENANT},dimension="cpu"`, 'scope')), '{{scope}}'],
  ]),
  graph('Memory promised', 'Committed memory, the 20 largest.', 'bytes', [
    [top(sum('berth_committed', `${OF_TENANT},dimension="memory"`, 'scope')), '{{scope}}'],
  ]),
  graph(
    'Cores used of those promised',
    'Measured in proportion to committed, the 20 largest. Above 100 %: requests are too low, and neighbours pay for it.',
    'percentunit',
    [[measured('cpu'), '{{scope}}']],
  ),
  graph(
    'Memory used of that promised',
    'Measured in proportion to committed, the 20 largest. Above 100 %: requests are too low; far below: they keep others out.',
    'percentunit',
    [[measured('memory'), '{{scope}}']],
  ),
  graph(
    'Reserved for tenants',
    'Places set aside by reservations, the 20 largest. They end by themselves unless a scheduler renews them.',
    'short',
    [[top(sum('berth_reserved', `${OF_TENANT},dimension="workloads"`, 'scope')), '{{scope}}']],
  ),
  graph('Processor time of tenants', 'Cores used, all workloads of a tenant, the 20 largest.', 'short', [
    [top(bothRates('berth_workload_cpu_seconds_total', 'berth_rollup_cpu_seconds_total')), '{{tenant}}'],
  ]),
  graph('Processes of tenants', 'Processes and threads, all workloads of a tenant, the 20 largest.', 'short', [
    [top(both('berth_workload_pids', 'berth_rollup_pids')), '{{tenant}}'],
  ]),
  graph('Traffic of tenants', 'Bytes a second as the workloads see them, the 20 largest.', 'binBps', [
    [
      top(bothRates('berth_workload_network_bytes_total', 'berth_rollup_network_bytes_total', 'tenant, direction')),
      '{{tenant}} {{direction}}',
    ],
  ]),
  graph(
    'Kills for want of memory',
    'Processes of a tenant that the kernel killed, the 20 most. Which workloads: dashboard Starts and pressure.',
    'short',
    [[top(kills()), '{{tenant}}']],
    24,
  ),
];

const licences: readonly PanelRow[] = [
  graph(
    'Licences used',
    'Share of each pool that workloads have, all selected nodes together. At 100 % the next one is refused, or starts without (licence.NAME.on_exhausted). Empty: no pool is configured.',
    'percentunit',
    [[share('berth_licence_in_use', 'berth_licence_limit', HOST, 'licence'), '{{licence}}']],
    12,
  ),
  graph(
    'Licences',
    'In use, and what is locked or leased to the nodes. A limit that falls below the use: a lease has run out; `berth licence list` shows who has them.',
    'short',
    [
      [sum('berth_licence_in_use', HOST, 'licence'), '{{licence}} in use'],
      [sum('berth_licence_limit', HOST, 'licence'), '{{licence}} there'],
    ],
    12,
  ),
  graph(
    'Leases run out in',
    'Of the first lease of each pool, unless its scheduler renews it. Empty: nothing is leased.',
    's',
    [[`min by (licence) (berth_licence_lease_expiry_timestamp_seconds{${HOST}}) - time()`, '{{licence}}']],
    24,
  ),
];

export const TENANTS_LICENCES: DashboardTable = {
  uid: 'berth-tenants',
  title: 'berth / Tenants and licences',
  description: 'Quotas of tenants, what is promised to them and what they use; pools of licences.',
  anchor: 'berth_build_info',
  variables: [{ name: 'tenant', label: 'Tenant', from: 'berth_workload_info' }],
  sections: [
    { title: 'Tenants', panels: tenants },
    { title: 'Licences', panels: licences },
  ],
};
