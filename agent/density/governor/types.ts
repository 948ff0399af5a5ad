// The face of the start governor: what asks for a permit, what it gets, and what is shown of it.
import type { StartWait } from '../../model/start-wait.js';

/** A start that asks. `cold` can be refused and has a deadline; a `resume` ran before, or was promised, and waits. */
export interface StartRequest {
  readonly id: string;
  readonly tenant: string;
  /** Higher first. */
  readonly priority: number;
  readonly kind: 'cold' | 'resume';
  /** Starts with the same word usually take as long as each other: the driver's name. */
  readonly shape: string;
  /** Aborted: the request leaves the queue, and the promise is rejected with the reason. */
  readonly signal: AbortSignal;
}

/** A place among the starts that settle. Every call after the place is free does nothing. */
export interface Permit {
  /** The process runs in this cgroup. The place is free when the burst of its start is over and it serves (default: it does). */
  runs(cgroup: string, serves?: () => boolean): void;
  /** The start failed, or its workload has ended: the place is free now. */
  end(): void;
}

/** What the workload room needs of a governor. */
export interface GovernorPort {
  /** Throws `start_queue_full` when a new workload would wait too long. Asked before anything is written down. */
  requireRoom(request: Pick<StartRequest, 'id' | 'tenant' | 'priority'>): void;
  /** The permit itself while there is room. The promise rejects with `deadline_exceeded` (cold only), or the signal's reason. */
  admit(request: StartRequest): Permit | Promise<Permit>;
  waiting(id: string): StartWait | undefined;
  /** All that wait, by id: cheaper than one after the other. */
  allWaiting(): ReadonlyMap<string, StartWait>;
}

/** Of the last interval: pressure above the host's quiet level as a share (0-1), `network` in ms, `start` as a multiple of the usual. */
export interface Signals {
  readonly cpu?: number | undefined;
  readonly io?: number | undefined;
  readonly memory?: number | undefined;
  readonly network?: number | undefined;
  readonly start?: number | undefined;
}

export type Signal = keyof Signals;
export type SignalLimits = Readonly<Record<Signal, number>>;

/** Totals of stall since boot, microseconds, of /proc/pressure (Documentation/accounting/psi.rst), line `some`. */
export interface PressureSample {
  readonly cpu: number;
  readonly io: number;
  readonly memory: number;
}

/** The bound was lowered: because of which signal, from what, to what. */
export interface Decrease {
  readonly signal: Signal;
  readonly value: number;
  readonly limit: number;
  readonly boundBefore: number;
  readonly bound: number;
}

export interface GovernorStatus {
  readonly enabled: boolean;
  /** Starts that have a permit and have not settled. */
  readonly settling: number;
  /** How many may, now; 0 while the host is out of memory. */
  readonly bound: number;
  /** `bound` is never above it. */
  readonly maxSettling: number;
  readonly queued: number;
  readonly maxQueue: number;
  readonly byPriority: readonly { readonly priority: number; readonly queued: number }[];
  readonly byTenant: readonly { readonly tenant: string; readonly queued: number }[];
  readonly signals: Signals;
  readonly limits: SignalLimits;
  readonly lastDecrease: (Decrease & { readonly agoMs: number }) | null;
  /** Of the last 512 starts; null before the first. */
  readonly waits: { readonly p50Ms: number; readonly p99Ms: number } | null;
  readonly oldestWaitMs: number;
  /** Since the agent runs. */
  readonly totals: {
    readonly granted: number;
    readonly refused: number;
    readonly expired: number;
    readonly decreases: Readonly<Record<Signal, number>>;
  };
}

/** Durations in ms, counts of the whole host. */
export interface GovernorSettings {
  readonly enabled: boolean;
  readonly cores: number;
  readonly maxSettling: number;
  readonly settleTimeoutMs: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  readonly limits: SignalLimits;
}

/** The world of the governor. */
export interface GovernorPorts {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Runs `run` after `ms`; the answer cancels it. */
  setTimer(ms: number, run: () => void): () => void;
  /** Undefined: the kernel keeps no pressure (psi=0). */
  pressure(): PressureSample | undefined;
  /** CPU time that a cgroup has used or waited for so far, microseconds; undefined: it cannot be read, or is gone. */
  wanted(cgroup: string): number | undefined;
  event(type: 'start.queued' | 'start.refused' | 'governor.slowed', data: Readonly<Record<string, unknown>>): void;
  /** A start had its permit after so many seconds. */
  waited(seconds: number): void;
}
