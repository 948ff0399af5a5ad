// The per-workload families, as a table. A controller that the host lacks gives no sample and so no series.
// The state is one series a workload whose label changes with it, not a fixed set of eight: at thousands of workloads
// seven constant zeros each would be the largest family of all, and `berth_workload_state{state="failed"}` reads the
// same either way.
import type { CgroupStats, PressureTotals } from '../../cgroups/types.js';
import { DROP_REASONS, type Drops, type LinkStats } from '../../netns/types.js';
import type { Family, Row } from './page.js';
import type { VmSample } from './vms.js';

/** What is known of one workload at one moment. `startedAt`: Unix ms of its process, null when it has none. */
export interface WorkloadSample {
  readonly stats: CgroupStats | undefined;
  /** Counters of the HOST end of its link. */
  readonly link: LinkStats | undefined;
  /** What the firewall has dropped of it; undefined: nothing yet. */
  readonly drops: Drops['packets'] | undefined;
  /** Bytes saved by merging of equal pages; undefined: it has not asked for that, or nothing is known yet. */
  readonly ksmProfit: number | undefined;
  /** Undefined: it is no virtual machine. */
  readonly vm: VmSample | undefined;
  /** Undefined: its spec has no health probe. */
  readonly ready: boolean | undefined;
  readonly restarts: number;
  readonly startedAt: number | null;
}

type Read = (sample: WorkloadSample) => number | undefined;

function one(read: Read): readonly Row<WorkloadSample>[] {
  return [{ read }];
}

function by(name: string, reads: Readonly<Record<string, Read>>): readonly Row<WorkloadSample>[] {
  return Object.entries(reads).map(([word, read]) => ({ labels: { [name]: word }, read }));
}

/** The page has no word for "no limit" but infinity, and a share of it is 0, as it should be. */
function limit(value: number | 'max' | undefined): number | undefined {
  return value === 'max' ? Number.POSITIVE_INFINITY : value;
}

function pressureRows(): readonly Row<WorkloadSample>[] {
  const rows: Row<WorkloadSample>[] = [];
  for (const resource of ['cpu', 'memory', 'io'] as const) {
    const of = (s: WorkloadSample): PressureTotals | undefined => s.stats?.pressure?.[resource];
    rows.push({ labels: { resource, kind: 'some' }, read: (s) => of(s)?.someUsec });
    rows.push({ labels: { resource, kind: 'full' }, read: (s) => of(s)?.fullUsec });
  }
  return rows;
}

const counter = { type: 'counter', unit: 'integer' } as const;
const gauge = { type: 'gauge', unit: 'integer' } as const;
const seconds = { type: 'counter', unit: 'microseconds' } as const;

export const WORKLOAD_FAMILIES: readonly Family<WorkloadSample>[] = [
  {
    ...gauge,
    name: 'berth_workload_info',
    help: 'Always 1; class and IPv4 address of the workload as labels.',
    own: ['class', 'address'],
    rows: one(() => 1),
  },
  {
    ...gauge,
    name: 'berth_workload_state',
    help: 'Always 1; the label says the state the workload is in, a workload has one such series at a time.',
    own: ['state'],
    rows: one(() => 1),
  },
  {
    ...counter,
    name: 'berth_workload_restarts_total',
    help: 'Restarts by the restart policy.',
    rows: one((s) => s.restarts),
  },
  {
    ...gauge,
    name: 'berth_workload_ready',
    help: '1 while the health probe of the workload succeeds, else 0; absent where its spec has none.',
    rows: one((s) => (s.ready === undefined ? undefined : Number(s.ready))),
  },
  {
    type: 'gauge',
    unit: 'microseconds',
    name: 'berth_workload_start_time_seconds',
    help: 'Unix time at which the current process started.',
    rows: one((s) => (s.startedAt === null ? undefined : s.startedAt * 1000)),
  },
  {
    ...seconds,
    name: 'berth_workload_cpu_seconds_total',
    help: 'Processor time used, by mode.',
    rows: by('mode', { user: (s) => s.stats?.cpu?.userUsec, system: (s) => s.stats?.cpu?.systemUsec }),
  },
  {
    ...seconds,
    name: 'berth_workload_cpu_throttled_seconds_total',
    help: 'Time in which the processor limit held the workload back, summed over processors.',
    rows: one((s) => s.stats?.cpu?.throttledUsec),
  },
  {
    ...counter,
    name: 'berth_workload_cpu_periods_total',
    help: 'Enforcement periods of the processor limit in which the workload was runnable.',
    rows: one((s) => s.stats?.cpu?.periods),
  },
  {
    ...counter,
    name: 'berth_workload_cpu_throttled_periods_total',
    help: 'Enforcement periods in which the processor limit held the workload back.',
    rows: one((s) => s.stats?.cpu?.throttledPeriods),
  },
  {
    ...seconds,
    name: 'berth_workload_cpu_burst_seconds_total',
    help: 'Processor time used above the limit, out of what was saved up below it.',
    rows: one((s) => s.stats?.cpu?.burstUsec),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_bytes',
    help: 'Memory charged to the workload, page cache included.',
    rows: one((s) => s.stats?.memory?.current),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_limit_bytes',
    help: 'Memory limit; +Inf without one.',
    rows: one((s) => limit(s.stats?.memory?.max)),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_peak_bytes',
    help: 'Highest memory charged since the cgroup was made.',
    rows: one((s) => s.stats?.memory?.peak),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_interval_peak_bytes',
    help: 'Most memory since the sample before.',
    rows: one((s) => s.stats?.memory?.peakInterval),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_swap_bytes',
    help: 'Swap charged to the workload.',
    rows: one((s) => s.stats?.memory?.swap),
  },
  {
    ...gauge,
    name: 'berth_workload_memory_zswap_bytes',
    help: 'Memory that compressed swap of the workload takes; absent where the kernel has no zswap.',
    rows: one((s) => s.stats?.memory?.zswap),
  },
  {
    ...gauge,
    name: 'berth_workload_ksm_profit_bytes',
    help: 'Memory saved by merging equal pages (KSM), less its bookkeeping; only of workloads with resources.memory.ksm.',
    rows: one((s) => s.ksmProfit),
  },
  {
    ...gauge,
    name: 'berth_vm_memory_bytes',
    help: 'Memory that a virtual machine has for its guest; 0 while it does not run.',
    rows: one((s) => s.vm?.memory),
  },
  {
    ...gauge,
    name: 'berth_vm_balloon_bytes',
    help: 'Memory that berth has asked the guest to give back under memory pressure (balloon); 0: none.',
    rows: one((s) => s.vm?.balloon),
  },
  {
    ...gauge,
    name: 'berth_vm_overhead_bytes',
    help: 'Memory of the VMM beside its guest, as last measured; absent until it was: four VMs a minute have their turn.',
    rows: one((s) => s.vm?.overhead),
  },
  {
    ...counter,
    name: 'berth_workload_memory_events_total',
    help: 'Events of memory.events: high and max count reclaim at these bounds, oom a failed allocation, the others kills.',
    rows: by('event', {
      high: (s) => s.stats?.memory?.events.high,
      max: (s) => s.stats?.memory?.events.max,
      oom: (s) => s.stats?.memory?.events.oom,
      oom_kill: (s) => s.stats?.memory?.events.oomKill,
      oom_group_kill: (s) => s.stats?.memory?.events.oomGroupKill,
    }),
  },
  {
    ...counter,
    name: 'berth_workload_io_bytes_total',
    help: 'Bytes of block devices, by operation.',
    rows: by('operation', { read: (s) => s.stats?.io?.readBytes, write: (s) => s.stats?.io?.writeBytes }),
  },
  {
    ...counter,
    name: 'berth_workload_io_operations_total',
    help: 'Operations of block devices, by operation.',
    rows: by('operation', { read: (s) => s.stats?.io?.reads, write: (s) => s.stats?.io?.writes }),
  },
  {
    ...gauge,
    name: 'berth_workload_pids',
    help: 'Processes and threads in the cgroup.',
    rows: one((s) => s.stats?.pids?.current),
  },
  {
    ...gauge,
    name: 'berth_workload_pids_limit',
    help: 'Processes and threads allowed; +Inf without a limit.',
    rows: one((s) => limit(s.stats?.pids?.max)),
  },
  {
    ...counter,
    name: 'berth_workload_pids_refused_total',
    help: 'Forks refused because of the limit.',
    rows: one((s) => s.stats?.pids?.maxEvents),
  },
  // What the host end of a link receives is what the workload has sent.
  {
    ...counter,
    name: 'berth_workload_network_bytes_total',
    help: 'Bytes on the link, in the direction the workload sees.',
    rows: by('direction', { receive: (s) => s.link?.txBytes, transmit: (s) => s.link?.rxBytes }),
  },
  {
    ...counter,
    name: 'berth_workload_network_packets_total',
    help: 'Packets on the link, in the direction the workload sees.',
    rows: by('direction', { receive: (s) => s.link?.txPackets, transmit: (s) => s.link?.rxPackets }),
  },
  {
    ...counter,
    name: 'berth_workload_network_dropped_total',
    help: 'Packets dropped on the link, in the direction the workload sees.',
    rows: by('direction', { receive: (s) => s.link?.txDropped, transmit: (s) => s.link?.rxDropped }),
  },
  // Without a series as long as there is none: at thousands of workloads seven zeros each would be all of the page.
  {
    ...counter,
    name: 'berth_workload_net_dropped_total',
    help: 'Packets that the packet filter has dropped of the workload, by reason; absent while there are none.',
    rows: DROP_REASONS.map((reason) => ({ labels: { reason }, read: (s) => s.drops?.[reason] })),
  },
  {
    ...seconds,
    name: 'berth_workload_pressure_seconds_total',
    help: 'Time stalled for want of a resource (PSI); some: at least one task, full: all of them.',
    rows: pressureRows(),
  },
];
