// The face of this room: a plan is a list of {file, value}; applying is one loop that reads every value back.

/** One write below a cgroup directory, in the kernel's own words (cgroup-v2.rst). */
export interface Value {
  /** File name, e.g. `memory.max`. */
  readonly file: string;
  /**
   * As the kernel prints it, e.g. `268435456`, `max`, `50000 100000`. Of a file with a line for each device or resource,
   * one line: `8:0 rbps=1048576 wbps=max riops=max wiops=max`.
   */
  readonly value: string;
}

/** A value as the kernel holds it now, and what it held before; without `previous` the cgroup was fresh. */
export interface Held extends Value {
  readonly previous?: string;
}

/** Limits of one block device. */
export interface DeviceLimits {
  /** `MAJ:MIN` of a whole disk; partitions have no limits of their own. */
  readonly device: string;
  readonly readBps?: number;
  readonly writeBps?: number;
  readonly readIops?: number;
  readonly writeIops?: number;
  /** 1-10000; only where io cost or BFQ is at work on the device. */
  readonly weight?: number;
  /** Microseconds that a request may take before siblings are slowed down for it. */
  readonly latencyUsec?: number;
}

/** What can be limited. Units: cores (fractions allowed), weights 1-10000, bytes, microseconds, percent, processes. */
export interface Limits {
  readonly cpu?: {
    readonly max?: number;
    /** Of the quota; default 100,000. */
    readonly period?: number;
    /** Unused quota that may be saved up; cut to the quota, above which the kernel takes none. */
    readonly burst?: number;
    readonly weight?: number;
    /** Runs only when nobody else wants to; a weight has no meaning then. */
    readonly idle?: boolean;
    readonly uclampMin?: number;
    readonly uclampMax?: number;
  };
  /** Lists as in cpuset(7), e.g. `0-1,3`. */
  readonly cpuset?: {
    readonly cpus?: string;
    readonly mems?: string;
    readonly partition?: 'member' | 'root' | 'isolated';
  };
  readonly memory?: {
    readonly min?: number;
    readonly low?: number;
    readonly high?: number;
    readonly max?: number;
    readonly swapMax?: number;
    readonly swapHigh?: number;
    readonly zswapMax?: number;
    readonly zswapWriteback?: boolean;
    readonly oomGroup?: boolean;
  };
  readonly io?: { readonly weight?: number; readonly devices?: readonly DeviceLimits[] };
  readonly pids?: { readonly max?: number };
  /** By page size as the kernel names it: `2MB`, `1GB`. Bytes. */
  readonly hugetlb?: Readonly<Record<string, number>>;
  /** By resource of misc.capacity, e.g. `sev`. */
  readonly misc?: Readonly<Record<string, number>>;
  /** By device, e.g. `mlx5_0`. */
  readonly rdma?: Readonly<Record<string, { readonly hcaHandle?: number; readonly hcaObject?: number }>>;
  /** By region of dmem.capacity, e.g. `drm/0000:03:00.0/vram0`. Bytes. */
  readonly dmem?: Readonly<Record<string, number>>;
  /** How many cgroups there may be below, and how deep. */
  readonly tree?: { readonly maxDescendants?: number; readonly maxDepth?: number };
}

/** Counters of memory.events, or memory.events.local. */
export interface MemoryEvents {
  readonly high: number;
  readonly max: number;
  readonly oom: number;
  readonly oomKill: number;
  readonly oomGroupKill: number;
}

/** A sample of one cgroup. Absent parts: the controller, or the kernel, has no such thing. Times in microseconds, as the kernel gives. */
export interface CgroupStats {
  readonly cpu?: {
    readonly usageUsec: number;
    readonly userUsec: number;
    readonly systemUsec: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledUsec: number;
    /** Periods in which saved quota was used, and how much of it. */
    readonly bursts?: number;
    readonly burstUsec?: number;
  };
  readonly memory?: {
    readonly current: number;
    /** The most since the cgroup was made. */
    readonly peak?: number;
    /** The most since the reader's full sample before; before Linux 6.12 the most that this reader has seen. */
    readonly peakInterval?: number;
    readonly swap?: number;
    readonly zswap?: number;
    readonly max: number | 'max';
    readonly high?: number | 'max';
    /** Of this cgroup and all below. */
    readonly events: MemoryEvents;
    /** Of this cgroup alone: an oom here was its own limit, not that of one above. */
    readonly localEvents?: MemoryEvents;
    readonly swapEvents?: { readonly high: number; readonly max: number; readonly fail: number };
  };
  readonly pids?: {
    readonly current: number;
    readonly peak?: number;
    readonly max: number | 'max';
    readonly maxEvents: number;
  };
  /** io.stat, summed over the devices. */
  readonly io?: {
    readonly readBytes: number;
    readonly writeBytes: number;
    readonly reads: number;
    readonly writes: number;
  };
  /** Bytes in use, by page size. */
  readonly hugetlb?: Readonly<Record<string, number>>;
  /** Cgroups below. Dying ones are removed, and held by what they are still charged for. */
  readonly descendants?: { readonly live: number; readonly dying: number };
  readonly pressure?: {
    readonly cpu?: PressureTotals;
    readonly memory?: PressureTotals;
    readonly io?: PressureTotals;
  };
}

/** PSI totals (Documentation/accounting/psi.rst), microseconds of stall; and the 10 s averages in percent. */
export interface PressureTotals {
  readonly someUsec: number;
  readonly fullUsec: number;
  readonly someAvg10: number;
  readonly fullAvg10: number;
}
