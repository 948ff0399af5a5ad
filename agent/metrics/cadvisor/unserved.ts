// The families of cAdvisor that berth does not serve, by the reason. docs/coming-from-cadvisor.md is made from this table.

export interface Unserved {
  readonly why: string;
  /** Without `container_`. */
  readonly names: readonly string[];
}

export const UNSERVED: readonly Unserved[] = [
  {
    why: 'berth does not read `memory.stat` in a sample: see [The working set](#the-working-set)',
    names: [
      'memory_working_set_bytes',
      'memory_cache',
      'memory_rss',
      'memory_kernel_usage',
      'memory_mapped_file',
      'memory_total_active_file_bytes',
      'memory_total_inactive_file_bytes',
      'memory_failures_total',
      'memory_file_dirty_bytes',
      'memory_file_writeback_bytes',
      'memory_pgscan_total',
      'memory_pgsteal_total',
      'memory_workingset_refault_file_total',
      'memory_workingset_refault_anon_total',
    ],
  },
  { why: 'berth does not read `memory.numa_stat`', names: ['memory_numa_pages'] },
  { why: 'cgroup v2 has no such setting', names: ['memory_migrate'] },
  {
    why: 'berth does not read this limit in a sample',
    names: ['spec_cpu_shares', 'spec_memory_swap_limit_bytes', 'spec_memory_reservation_limit_bytes'],
  },
  {
    why: 'berth has the time of the start: `container_start_time_seconds`',
    names: ['creation_time_seconds'],
  },
  {
    why: 'berth shows the health of its own workloads: `berth_workload_ready`',
    names: ['health_state'],
  },
  { why: 'berth counts failed samples for the whole node: `berth_sample_errors_total`', names: ['scrape_error'] },
  {
    why: 'needs a reading of /proc for each process; `container_threads` is the count of the cgroup',
    names: ['processes', 'file_descriptors', 'sockets', 'tasks_state', 'ulimits_soft'],
  },
  {
    why: 'needs a reading of /proc for each process; `container_pressure_cpu_waiting_seconds_total` says who waits',
    names: [
      'cpu_schedstat_run_seconds_total',
      'cpu_schedstat_runqueue_seconds_total',
      'cpu_schedstat_run_periods_total',
      'cpu_load_average_10s',
      'cpu_load_d_average_10s',
    ],
  },
  { why: 'needs writes to /proc/PID/clear_refs, which slow the workload', names: ['referenced_bytes'] },
  { why: 'berth does not read `hugetlb.*.events`', names: ['hugetlb_failcnt'] },
  { why: 'cgroup v2 has no such figure', names: ['hugetlb_max_usage_bytes'] },
  {
    why: 'needs a walk of the files of each container; the `node_filesystem_*` families of node_exporter have the file systems',
    names: ['fs_inodes_free', 'fs_inodes_total', 'fs_limit_bytes', 'fs_usage_bytes'],
  },
  {
    why: 'cgroup v2 has no such figure; the `node_disk_*` families of node_exporter have it by device',
    names: [
      'fs_sector_reads_total',
      'fs_sector_writes_total',
      'fs_reads_merged_total',
      'fs_writes_merged_total',
      'fs_read_seconds_total',
      'fs_write_seconds_total',
      'fs_io_current',
      'fs_io_time_seconds_total',
      'fs_io_time_weighted_seconds_total',
    ],
  },
  {
    why: 'berth does not tell devices apart',
    names: [
      'fs_io_cost_usage_seconds_total',
      'fs_io_cost_wait_seconds_total',
      'fs_io_cost_indebt_seconds_total',
      'fs_io_cost_indelay_seconds_total',
      'blkio_device_usage_total',
    ],
  },
  {
    why: 'berth reads bytes, packets and drops of a link; a veth has no errors of a wire',
    names: ['network_receive_errors_total', 'network_transmit_errors_total'],
  },
  {
    why: 'needs a reading of /proc/PID/net in each network namespace',
    names: [
      'network_tcp_usage_total',
      'network_tcp6_usage_total',
      'network_advance_tcp_stats_total',
      'network_udp_usage_total',
      'network_udp6_usage_total',
    ],
  },
  {
    why: 'berth does not use the performance counters of the processor',
    names: [
      'perf_events_total',
      'perf_events_scaling_ratio',
      'perf_uncore_events_total',
      'perf_uncore_events_scaling_ratio',
    ],
  },
  {
    why: 'berth does not use resctrl',
    names: ['memory_bandwidth_bytes', 'memory_bandwidth_local_bytes', 'llc_occupancy_bytes'],
  },
];
