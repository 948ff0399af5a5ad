// From a spec to the limits of its cgroup: what the spec names, and what its class gets where it names nothing. Pure.
// What is named is written or refused; what berth adds by itself is left out where this kernel has no such file.

import type { Limits } from '../../cgroups/types.js';
import { defined } from '../../linux/defined.js';
import { parseSize } from '../base/units.js';
import type { Config } from '../config/schema.js';
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadSpec } from '../model/spec.js';
import { type DiskOf, ioLimits } from './io.js';

export interface LimitContext {
  /** Files that a cgroup of this host has, e.g. `cpu.max.burst` (cgroups/probe.ts). */
  readonly files: ReadonlySet<string>;
  readonly device: DiskOf;
  readonly config: Config['cgroups'];
  /** Cores counted for a workload that requests none (density.default_cpu_request). */
  readonly defaultCpu: number;
}

type Part<K extends keyof Limits> = NonNullable<Limits[K]>;

const DEFAULT_PERIOD_USEC = 100_000;

/** `overhead`: bytes the driver itself needs in the cgroup of a VM, beside the guest's memory. */
export function limitsOf(spec: WorkloadSpec, overhead: number, context: LimitContext): Limits {
  const { cpu, pids, io, ioWeight, misc, rdma, dmem } = spec.resources;
  const cpus = cpu?.cpus === undefined ? {} : { cpus: cpu.cpus };
  const mems = cpu?.mems === undefined ? {} : { mems: cpu.mems };
  return prune({
    cpu: cpuLimits(spec, context),
    cpuset: { ...cpus, ...mems },
    memory: memoryLimits(spec, overhead, context),
    io: ioLimits(io, ioWeight, context.device),
    pids: pids === undefined ? {} : { max: pids },
    hugetlb: hugetlbLimits(spec),
    misc: misc ?? {},
    rdma: Object.fromEntries(
      Object.entries(rdma ?? {}).map(([device, { handles, objects }]) => [
        device,
        {
          ...defined({ hcaHandle: handles, hcaObject: objects }),
        },
      ]),
    ),
    dmem: dmem ?? {},
  });
}

/** Page sizes in the names of hugetlb files, which say MB and mean MiB (mm/hugetlb_cgroup.c, mem_fmt). */
const HUGETLB: Readonly<Record<string, string>> = {
  '64Ki': '64KB',
  '2Mi': '2MB',
  '32Mi': '32MB',
  '512Mi': '512MB',
  '1Gi': '1GB',
  '16Gi': '16GB',
};

function hugetlbLimits(spec: WorkloadSpec): Part<'hugetlb'> {
  const machine = machineOf(spec);
  const guest = machine?.hugepages === undefined ? {} : { [machine.hugepages]: machine.memory };
  const all = Object.entries({ ...guest, ...spec.resources.hugepages });
  return Object.fromEntries(all.map(([page, bytes]) => [HUGETLB[page] ?? page, bytes ?? 0]));
}

function cpuLimits(spec: WorkloadSpec, { files, config, defaultCpu }: LimitContext): Part<'cpu'> {
  const cpu = spec.resources.cpu ?? {};
  const { limit, period, burst, idle, uclampMin, uclampMax } = cpu;
  // An idle group has no weight: the kernel refuses to write one.
  const weight = cpu.weight ?? (idle !== true && files.has('cpu.weight') ? weightOf(spec, defaultCpu) : undefined);
  const quota = limit === undefined ? undefined : Math.round(limit * (period ?? DEFAULT_PERIOD_USEC));
  const given = quota !== undefined && config.cpu_burst > 0 && files.has('cpu.max.burst');
  const saved = burst ?? (given ? Math.round(quota * config.cpu_burst) : undefined);
  return {
    ...defined({ max: limit, period }),
    ...(saved === undefined || quota === undefined ? {} : { burst: Math.min(saved, quota) }),
    ...defined({ weight, idle, uclampMin, uclampMax }),
  };
}

/**
 * 100 for each core: the kernel's default weight is what one core's worth of request gets. Never from cpu.shares, whose
 * conversion differs from runtime to runtime. A besteffort workload that requests nothing is last.
 */
export function weightOf(spec: WorkloadSpec, defaultCpu: number): number {
  const { request, limit } = spec.resources.cpu ?? {};
  const promised = spec.class === 'guaranteed' ? (limit ?? request) : (request ?? limit);
  if (promised === undefined && spec.class === 'besteffort') return 1;
  const cores = promised ?? machineOf(spec)?.vcpus ?? defaultCpu;
  return Math.min(10_000, Math.max(1, Math.round(cores * 100)));
}

function memoryLimits(spec: WorkloadSpec, overhead: number, { files, config }: LimitContext): Part<'memory'> {
  const memory: Partial<NonNullable<WorkloadSpec['resources']['memory']>> = spec.resources.memory ?? {};
  // Guest memory of huge pages is no memory to this controller: hugetlb limits that.
  const machine = files.has('memory.max') ? machineOf(spec) : undefined;
  const guest = machine && overhead + (machine.hugepages === undefined ? machine.memory : 0);
  const max = memory.limit ?? guest;
  const { min, low } = config.protect && files.has('memory.min') ? protection(spec, max) : {};
  const usual = (kind: 'swap' | 'zswap') =>
    files.has(`memory.${kind}.max`) ? boundOf(config[`${kind}_${spec.class}`]) : undefined;
  const swapMax = memory.swap ?? usual('swap');
  const zswapMax = memory.zswap ?? usual('zswap');
  const values = {
    ...defined({ max, min, low, high: memory.high, swapMax, zswapMax }),
  };
  const counted = Object.keys(values).length > 0 || files.has('memory.oom.group');
  return counted ? { ...values, oomGroup: true } : {};
}

/** What is promised is what reclaim leaves alone: all of a guaranteed workload, the request of a burstable one. */
function protection(spec: WorkloadSpec, max: number | undefined): { min?: number; low?: number } {
  const { request } = spec.resources.memory ?? {};
  if (spec.class === 'guaranteed') return max === undefined ? {} : { min: max };
  return spec.class === 'burstable' && request !== undefined ? { low: request } : {};
}

function boundOf(text: string): number | undefined {
  return text === 'max' ? undefined : parseSize(text);
}

/** Parts that limit nothing are left out: they would ask for a controller. */
function prune(limits: Required<Omit<Limits, 'tree'>>): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([, part]) => Object.keys(part).length > 0)) as Limits;
}
