// The face of this room: a plan is a list of {file, value}; applying is one loop that reads every value back.

/** One write below a cgroup directory, in the kernel's own words (cgroup-v2.rst). */
export interface Value {
  /** File name, e.g. `memory.max`. */
  readonly file: string;
  /** As the kernel prints it, e.g. `268435456`, `max`, `50000 100000`. */
  readonly value: string;
}

/** What the spec may limit. Units: cores (fractions allowed), weight 1-10000, bytes, processes. */
export interface Limits {
  readonly cpu?: { readonly max?: number; readonly weight?: number };
  readonly memory?: { readonly max?: number; readonly swapMax?: number; readonly oomGroup?: boolean };
  readonly pids?: { readonly max?: number };
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
