// What workloads use. What they are refused and held back by is in pressure.ts.
import { EACH, events, graph, HOST, rate, sum, top, WORKLOAD } from './expressions.js';
import type { PanelRow } from './panels.js';

const BY = 'tenant, workload';

export const workloads: readonly PanelRow[] = [
  graph('Processor time', 'Cores used, the 20 largest.', 'short', [
    [top(rate('berth_workload_cpu_seconds_total', WORKLOAD, BY)), EACH],
  ]),
  graph('Memory', 'Charged memory, page cache included, the 20 largest.', 'bytes', [
    [top(sum('berth_workload_memory_bytes', WORKLOAD, BY)), EACH],
  ]),
  graph('Memory in proportion to the limit', 'The 20 closest to their limit; without a limit 0.', 'percentunit', [
    [top(`berth_workload_memory_bytes{${WORKLOAD}} / berth_workload_memory_limit_bytes{${WORKLOAD}}`), EACH],
  ]),
  graph(
    'Peaks of memory in proportion to the limit',
    'The most between two samples. Peaks at 100 % over a low average: the limit is met in moments that averages hide.',
    'percentunit',
    [
      [
        top(`berth_workload_memory_interval_peak_bytes{${WORKLOAD}} / berth_workload_memory_limit_bytes{${WORKLOAD}}`),
        EACH,
      ],
    ],
  ),
  graph('Highest memory so far', 'Since the cgroup was made, the 20 largest: what a limit has to hold.', 'bytes', [
    [top(sum('berth_workload_memory_peak_bytes', WORKLOAD, BY)), EACH],
  ]),
  graph(
    'Swap',
    'Charged swap, and the memory that compressed swap (zswap) takes instead of the disk, the 20 largest.',
    'bytes',
    [
      [top(sum('berth_workload_memory_swap_bytes', WORKLOAD, BY)), EACH],
      [top(sum('berth_workload_memory_zswap_bytes', WORKLOAD, BY)), `${EACH} compressed`],
    ],
  ),
  {
    ...graph(
      'Saved by merging of pages',
      'Memory that KSM saves, less its bookkeeping, the 20 largest. Below zero after an hour: take resources.memory.ksm out of the spec.',
      'bytes',
      [
        [top(sum('berth_workload_ksm_profit_bytes', WORKLOAD, BY)), EACH],
        [sum('berth_host_ksm_profit_bytes', HOST, 'instance'), '{{instance}}'],
      ],
    ),
    signed: true,
  },
  graph('Disk throughput', 'Bytes of block devices a second, the 20 largest.', 'binBps', [
    [top(rate('berth_workload_io_bytes_total', WORKLOAD, `${BY}, operation`)), `${EACH} {{operation}}`],
  ]),
  graph('Disk operations', 'Operations of block devices a second, the 20 largest.', 'iops', [
    [top(rate('berth_workload_io_operations_total', WORKLOAD, `${BY}, operation`)), `${EACH} {{operation}}`],
  ]),
  graph('Processes', 'Processes and threads, the 20 largest.', 'short', [
    [top(sum('berth_workload_pids', WORKLOAD, BY)), EACH],
  ]),
  graph('Network', 'Bytes a second as the workload sees them, the 20 largest.', 'binBps', [
    [top(rate('berth_workload_network_bytes_total', WORKLOAD, `${BY}, direction`)), `${EACH} {{direction}}`],
  ]),
  graph('Packets and drops', 'Packets a second and those dropped, all selected workloads.', 'pps', [
    [rate('berth_workload_network_packets_total', WORKLOAD, 'direction'), '{{direction}}'],
    [rate('berth_workload_network_dropped_total', WORKLOAD, 'direction'), '{{direction}} dropped'],
  ]),
  graph('Not ready', '1: the health probe of a running workload does not pass, or has not passed yet.', 'short', [
    [top(`1 - ${sum('berth_workload_ready', WORKLOAD, BY)}`), EACH],
  ]),
  graph('Restarts', 'Restarts by the restart policy, the 20 largest.', 'short', [
    [top(events('berth_workload_restarts_total', WORKLOAD, BY)), EACH],
  ]),
];
