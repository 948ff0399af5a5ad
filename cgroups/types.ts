// The face of this room: a plan is a list of {file, value}; applying is one loop that reads every value back.

/** One write below a cgroup directory, in the kernel's own words (cgroup-v2.rst). */
export interface Value {
  /** File name, e.g. `memory.max`. */
  readonly file: string;
  /** As the kernel prints it, e.g. `268435456`, `max`, `50000 100000`. */
  readonly value: string;
}

/**
 * What may be limited. Units: cores (fractions allowed), weights 1-10000, microseconds, percent, bytes, operations a second,
 * processes; a device is `MAJOR:MINOR`.
 */
export interface Limits {
  readonly cpu?: {
    readonly max?: number;
    readonly period?: number;
    readonly burst?: number;
    readonly weight?: number;
    readonly idle?: boolean;
    readonly uclampMin?: number;
    readonly uclampMax?: number;
  };
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
  /** By page size in the kernel's words, e.g. `2MB`. */
  readonly hugetlb?: Readonly<Record<string, number>>;
  readonly misc?: Readonly<Record<string, number>>;
  readonly rdma?: Readonly<Record<string, { readonly hcaHandle?: number; readonly hcaObject?: number }>>;
  /** dmem.max by region. */
  readonly dmem?: Readonly<Record<string, number>>;
  readonly tree?: { readonly maxDescendants?: number; readonly maxDepth?: number };
}

export interface DeviceLimits {
  readonly device: string;
  readonly readBps?: number;
  readonly writeBps?: number;
  readonly readIops?: number;
  readonly writeIops?: number;
  readonly weight?: number;
  readonly latencyUsec?: number;
}

/** A sample of one cgroup. Absent parts: the controller is not there. Times in microseconds, as the kernel gives. */
export interface CgroupStats {
  readonly cpu?: {
    readonly usageUsec: number;
    readonly userUsec: number;
    readonly systemUsec: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledUsec: number;
  };
  readonly memory?: {
    readonly current: number;
    readonly peak?: number;
    readonly swap?: number;
    readonly max: number | 'max';
    readonly events: {
      readonly high: number;
      readonly max: number;
      readonly oom: number;
      readonly oomKill: number;
      readonly oomGroupKill: number;
    };
  };
  readonly pids?: { readonly current: number; readonly max: number | 'max'; readonly maxEvents: number };
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
