/** Files of a cgroup of a kernel that has everything. */
export const ALL_FILES: ReadonlySet<string> = new Set([
  ...['cgroup.freeze', 'cgroup.max.descendants'],
  ...['cpu.max', 'cpu.max.burst', 'cpu.weight', 'cpu.idle', 'cpu.uclamp.min', 'cpu.uclamp.max'],
  ...['cpuset.cpus', 'cpuset.mems', 'memory.min', 'memory.low', 'memory.high', 'memory.max', 'memory.oom.group'],
  ...['memory.swap.max', 'memory.zswap.max', 'io.max', 'io.weight', 'io.latency', 'pids.max'],
  ...['hugetlb.2MB.max', 'misc.max', 'rdma.max', 'dmem.max'],
]);
