// What hosts may hold: the ledger by dimension, the limits of the kernel behind it, and who has cpus to itself.
import { events, graph, HOST, quantile, rate, share, sum, top } from './expressions.js';
import type { PanelRow } from './panels.js';

const OF_HOST = `${HOST},scope="host"`;

function threeOf(dimension: string): PanelRow['queries'] {
  const of = (metric: string): string => sum(metric, `${OF_HOST},dimension="${dimension}"`);
  return [
    [of('berth_capacity'), 'capacity'],
    [of('berth_allocatable'), 'allocatable'],
    [of('berth_committed'), 'committed'],
  ];
}

function expected(resource: string): PanelRow['queries'] {
  return [
    [sum('berth_predicted_use', `${HOST},resource="${resource}"`, 'figure'), '{{figure}}'],
    [sum('berth_allocatable', `${OF_HOST},dimension="${resource}"`), 'may be promised'],
  ];
}

export const ledger: readonly PanelRow[] = [
  graph(
    'Promised share',
    'Committed and reserved in proportion to allocatable; at 100 % the next request is refused. Add hosts, or raise the ratios of section [density] if what is measured leaves room.',
    'percentunit',
    [
      [
        `(${sum('berth_committed', OF_HOST, 'dimension')} + ${sum('berth_reserved', OF_HOST, 'dimension')}) / ${sum('berth_allocatable', OF_HOST, 'dimension')}`,
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
  graph(
    'Quota windows',
    'Windows in which other quotas and ratios count; 1: open. `berth node capacity` says what each changes, and when it opens and closes.',
    'short',
    [[`max by (instance, window) (berth_quota_window_open{${HOST}})`, '{{instance}} {{window}}']],
  ),
  graph(
    'Reserved',
    'Share of allocatable that schedulers have set aside for workloads to come. What never falls back to 0 is renewed by somebody; `berth node capacity` names the reservations.',
    'percentunit',
    [[share('berth_reserved', 'berth_allocatable', OF_HOST, 'dimension'), '{{dimension}}']],
  ),
  graph(
    'Measured in proportion to capacity',
    'How busy the hosts really are. Far below the promised share for days: overcommit may go up; near 100 %: it must not.',
    'percentunit',
    [[`${sum('berth_used', OF_HOST, 'dimension')} / ${sum('berth_capacity', OF_HOST, 'dimension')}`, '{{dimension}}']],
  ),
  graph(
    'Expected cores',
    'With density.prediction: mean, p98 and peak of all workloads together, beside what may be promised. Well below it at the peak: density.cpu_overcommit may go up. `berth node capacity` has what it rests on.',
    'short',
    expected('cpu'),
  ),
  graph(
    'Expected memory',
    'The same for memory: with its peak above what the hosts have, they would be short of it.',
    'bytes',
    expected('memory'),
  ),
  graph(
    'Advised overcommit',
    'With density.prediction: what could be promised of each core or byte that is used, the least of the hosts. Nothing follows it by itself; compare with section [density].',
    'short',
    [[`min by (class, resource) (berth_predicted_overcommit{${HOST}})`, '{{class}} {{resource}}']],
  ),
  graph(
    'Known share',
    'With density.prediction: share of what is promised that a day of samples stands behind. Below 80 % there is no advice.',
    'percentunit',
    [[`min by (class, resource) (berth_predicted_known_ratio{${HOST}})`, '{{class}} {{resource}}']],
  ),
  graph(
    'Memory of drivers',
    'What a VMM is counted for beside its guest, as configured and as measured, the most of the hosts. Far apart for days: set drivers.qemu.overhead, or density.overhead = "measured".',
    'bytes',
    [[`max by (driver, source) (berth_driver_overhead_bytes{${HOST},driver="qemu"})`, '{{driver}} {{source}}']],
  ),
  graph(
    'Preemptions',
    'Workloads stopped for one of a higher class or priority, by their own class. `berth workload show ID` tells for whom.',
    'short',
    [[events('berth_preemptions_total', HOST, 'class'), '{{class}}']],
  ),
  graph('Workloads by driver', 'Places that the workloads of each driver take.', 'short', [
    [sum('berth_committed', `${HOST},scope=~"kind/.+",dimension="workloads"`, 'scope'), '{{scope}}'],
  ]),
  graph('Admissions and refusals', 'Decisions a second; refusals by the dimension that was short.', 'cps', [
    [rate('berth_admission_decisions_total', `${HOST},result="admitted"`), 'admitted'],
    [rate('berth_admission_decisions_total', `${HOST},result="refused"`, 'dimension'), 'refused: {{dimension}}'],
  ]),
  graph('Admission latency', 'From the request to the durable answer.', 's', [
    [quantile(0.5, 'berth_admission_latency_seconds'), 'p50'],
    [quantile(0.99, 'berth_admission_latency_seconds'), 'p99'],
  ]),
];

export const kernel: readonly PanelRow[] = [
  graph(
    'Limits of the kernel',
    'Used share of each limit, all users of the host together, the 20 closest. Beyond it things fail for the whole host: `berth doctor --fix` lifts those that can be lifted.',
    'percentunit',
    [[top(share('berth_ceiling_used', 'berth_ceiling', HOST, 'instance, name')), '{{instance}} {{name}}']],
  ),
  graph(
    'Cpus for one workload alone',
    'Given away, idle siblings included, and still to be had. Without free ones a guaranteed workload with whole cores is refused by dimension cores.',
    'short',
    [
      [sum('berth_exclusive_cpus', HOST, 'instance'), '{{instance}} held'],
      [sum('berth_exclusive_cpus_free', HOST, 'instance'), '{{instance}} free'],
    ],
  ),
  graph(
    'Cpus not alone',
    'Exclusive cpus that services of the host may use as well. `berth doctor` (placement_not_alone) has the command that confines them.',
    'short',
    [[sum('berth_placement_violations', HOST, 'instance'), '{{instance}}']],
  ),
];
