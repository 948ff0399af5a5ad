// The families of cAdvisor that berth has the figures for. Names, types, units and labels are cAdvisor's, so that its
// dashboards and rules go on; the texts say what berth counts. docs/coming-from-cadvisor.md is made from this table.
import type { PressureTotals } from '../../../cgroups/types.js';
import type { Family, Row } from '../page.js';
import type { WorkloadSample } from '../workload-families.js';

export interface CadvisorSample extends WorkloadSample {
  /** Unix time in seconds at which the cgroup was read. */
  readonly seenAt: number;
  /** Microseconds; null: no limit, or none that is known. */
  readonly quota: { readonly quotaUsec: number; readonly periodUsec: number } | null;
}

export interface CadvisorFamily extends Family<CadvisorSample> {
  /** What is other than with cAdvisor. */
  readonly differs?: string;
}

type Read = (sample: CadvisorSample) => number | undefined;

const one = (read: Read): readonly Row<CadvisorSample>[] => [{ read }];

/** cAdvisor writes no limit as 0. */
const limit = (value: number | 'max' | undefined): number | undefined => (value === 'max' ? 0 : value);

const counter = { type: 'counter', unit: 'integer' } as const;
const gauge = { type: 'gauge', unit: 'integer' } as const;
const seconds = { type: 'counter', unit: 'microseconds' } as const;

export const CADVISOR_FAMILIES: readonly CadvisorFamily[] = [
  {
    ...gauge,
    name: 'container_last_seen',
    help: 'Unix time of the last sample of the cgroup.',
    rows: one((s) => s.seenAt),
    differs: 'the time of the sample, not that of the scrape',
  },
  {
    type: 'gauge',
    unit: 'microseconds',
    name: 'container_start_time_seconds',
    help: 'Unix time at which the current process started.',
    rows: one((s) => (s.startedAt === null ? undefined : s.startedAt * 1000)),
    differs: 'only workloads of berth',
  },
  {
    ...seconds,
    name: 'container_cpu_usage_seconds_total',
    help: 'Processor time used, of all processors together.',
    rows: [{ labels: { cpu: 'total' }, read: (s) => s.stats?.cpu?.usageUsec }],
    differs: '`cpu` is always `total`, as with cAdvisor under cgroup v2',
  },
  {
    ...seconds,
    name: 'container_cpu_user_seconds_total',
    help: 'Processor time used in user mode.',
    rows: one((s) => s.stats?.cpu?.userUsec),
  },
  {
    ...seconds,
    name: 'container_cpu_system_seconds_total',
    help: 'Processor time used in the kernel.',
    rows: one((s) => s.stats?.cpu?.systemUsec),
  },
  {
    ...counter,
    name: 'container_cpu_cfs_periods_total',
    help: 'Enforcement periods of the processor limit in which the workload was runnable.',
    rows: one((s) => s.stats?.cpu?.periods),
    differs: '0 without a limit, where cAdvisor has no series',
  },
  {
    ...counter,
    name: 'container_cpu_cfs_throttled_periods_total',
    help: 'Enforcement periods in which the processor limit throttled the workload.',
    rows: one((s) => s.stats?.cpu?.throttledPeriods),
    differs: '0 without a limit, where cAdvisor has no series',
  },
  {
    ...seconds,
    name: 'container_cpu_cfs_throttled_seconds_total',
    help: 'Time for which the processor limit throttled the workload, summed over processors.',
    rows: one((s) => s.stats?.cpu?.throttledUsec),
    differs: '0 without a limit, where cAdvisor has no series',
  },
  {
    ...counter,
    name: 'container_cpu_cfs_burst_periods_total',
    help: 'Enforcement periods in which the workload used more than its processor limit.',
    rows: one((s) => s.stats?.cpu?.bursts),
  },
  {
    ...seconds,
    name: 'container_cpu_cfs_burst_seconds_total',
    help: 'Processor time used above the limit.',
    rows: one((s) => s.stats?.cpu?.burstUsec),
  },
  {
    ...gauge,
    name: 'container_spec_cpu_quota',
    help: 'Microseconds of processor time allowed in each period; no series without a limit.',
    rows: one((s) => s.quota?.quotaUsec),
    differs: 'as the spec or the engine asks for it; of other engines for a period of 100 ms',
  },
  {
    ...gauge,
    name: 'container_spec_cpu_period',
    help: 'Length of a period of the processor limit in microseconds; no series without a limit.',
    rows: one((s) => s.quota?.periodUsec),
    differs: 'of other engines always 100 ms; the quota is converted to it',
  },
  {
    ...gauge,
    name: 'container_memory_usage_bytes',
    help: 'Memory charged to the workload, page cache included.',
    rows: one((s) => s.stats?.memory?.current),
  },
  {
    ...gauge,
    name: 'container_memory_max_usage_bytes',
    help: 'Most memory charged since the cgroup was made.',
    rows: one((s) => s.stats?.memory?.peak),
  },
  {
    ...gauge,
    name: 'container_memory_swap',
    help: 'Bytes of swap charged to the workload.',
    rows: one((s) => s.stats?.memory?.swap),
  },
  {
    ...gauge,
    name: 'container_spec_memory_limit_bytes',
    help: 'Memory limit; 0 without one.',
    rows: one((s) => limit(s.stats?.memory?.max)),
  },
  {
    ...counter,
    name: 'container_memory_failcnt',
    help: 'How often memory use was about to exceed the memory limit (max of memory.events).',
    rows: one((s) => s.stats?.memory?.events.max),
    differs: 'cAdvisor has 0 here under cgroup v2',
  },
  {
    ...counter,
    name: 'container_memory_events_high_total',
    help: 'How often processes were throttled above memory.high (high of memory.events).',
    rows: one((s) => s.stats?.memory?.events.high),
  },
  {
    ...counter,
    name: 'container_memory_events_max_total',
    help: 'How often memory use was about to exceed the memory limit (max of memory.events).',
    rows: one((s) => s.stats?.memory?.events.max),
  },
  {
    ...counter,
    name: 'container_oom_events_total',
    help: 'Processes that were OOM-killed (oom_kill of memory.events).',
    rows: one((s) => s.stats?.memory?.events.oomKill),
    differs: 'counted by the cgroup, not from the kernel log: begins at 0 with each new cgroup',
  },
  {
    ...gauge,
    name: 'container_hugetlb_usage_bytes',
    help: 'Memory in huge pages, by page size.',
    rows: ['64KB', '2MB', '32MB', '512MB', '1GB', '16GB'].map((pagesize) => ({
      labels: { pagesize },
      read: (s) => s.stats?.hugetlb?.[pagesize],
    })),
  },
  ...io('container_fs_reads_bytes_total', 'Bytes read from block devices.', (s) => s.stats?.io?.readBytes),
  ...io('container_fs_reads_total', 'Reads of block devices.', (s) => s.stats?.io?.reads),
  ...io('container_fs_writes_bytes_total', 'Bytes written to block devices.', (s) => s.stats?.io?.writeBytes),
  ...io('container_fs_writes_total', 'Writes to block devices.', (s) => s.stats?.io?.writes),
  // What the host end of a link receives is what the workload has sent.
  ...net('receive_bytes', 'Bytes received.', (s) => s.link?.txBytes),
  ...net('receive_packets', 'Packets received.', (s) => s.link?.txPackets),
  ...net('receive_packets_dropped', 'Packets to the workload that its link dropped.', (s) => s.link?.txDropped),
  ...net('transmit_bytes', 'Bytes sent.', (s) => s.link?.rxBytes),
  ...net('transmit_packets', 'Packets sent.', (s) => s.link?.rxPackets),
  ...net('transmit_packets_dropped', 'Packets from the workload that its link dropped.', (s) => s.link?.rxDropped),
  {
    ...gauge,
    name: 'container_threads',
    help: 'Processes and threads in the cgroup.',
    rows: one((s) => s.stats?.pids?.current),
  },
  {
    ...gauge,
    name: 'container_threads_max',
    help: 'Processes and threads allowed; 0 without a limit.',
    rows: one((s) => limit(s.stats?.pids?.max)),
  },
  ...stalls('cpu', 'a processor'),
  ...stalls('memory', 'memory'),
  ...stalls('io', 'input or output'),
];

function io(name: string, help: string, read: Read): CadvisorFamily[] {
  return [{ ...counter, name, help, rows: one(read), differs: 'sum of all devices, without the label `device`' }];
}

function net(what: string, help: string, read: Read): CadvisorFamily[] {
  const rows = [{ labels: { interface: 'eth0' }, read }];
  return [{ ...counter, name: `container_network_${what}_total`, help, rows, differs: 'only workloads of berth' }];
}

function stalls(resource: 'cpu' | 'memory' | 'io', of: string): CadvisorFamily[] {
  const totals = (s: CadvisorSample): PressureTotals | undefined => s.stats?.pressure?.[resource];
  const name = `container_pressure_${resource}`;
  return [
    {
      ...seconds,
      name: `${name}_waiting_seconds_total`,
      help: `Time for which at least one task waited for ${of} (PSI).`,
      rows: one((s) => totals(s)?.someUsec),
    },
    {
      ...seconds,
      name: `${name}_stalled_seconds_total`,
      help: `Time for which all tasks waited for ${of} (PSI).`,
      rows: one((s) => totals(s)?.fullUsec),
    },
  ];
}
