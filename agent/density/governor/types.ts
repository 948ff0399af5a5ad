// The face of the start governor: what asks for a turn, what it gets, and what is shown of it.
import type { StartWait } from '../../model/start-wait.js';

/** Who wants to start. `cold` can be told no and has a deadline; a `resume` ran before, or was promised, and waits. */
export interface StartRequest {
  readonly id: string;
  readonly tenant: string;
  /** Higher first. */
  readonly priority: number;
  readonly kind: 'cold' | 'resume';
  /** Starts with the same word usually take as long as each other: the driver's name. */
  readonly shape: string;
  /** Aborted: it leaves the queue, and the promise is rejected with the reason. */
  readonly signal: AbortSignal;
}

/** Called once the start is over; `started`: the process runs. Further calls do nothing. */
export type Release = (started: boolean) => void;

/** What the workload room needs of a governor. */
export interface GovernorPort {
  /** Throws `start_queue_full` when a new workload would wait too long. Asked before anything is written down. */
  requireRoom(request: Pick<StartRequest, 'id' | 'tenant' | 'priority'>): void;
  /** Resolves at its turn. Rejects with `deadline_exceeded` (cold only), or with the reason of the signal. */
  admit(request: StartRequest): Promise<Release>;
  waiting(id: string): StartWait | undefined;
  /** Everybody who waits, by id: cheaper than one after the other. */
  allWaiting(): ReadonlyMap<string, StartWait>;
}

/** Pressure of the last interval as shares of time (0-1), latencies in ms, `start` as a multiple of the usual. */
export interface Signals {
  readonly cpu?: number | undefined;
  readonly io?: number | undefined;
  readonly memory?: number | undefined;
  readonly network?: number | undefined;
  readonly start?: number | undefined;
}

export type Signal = keyof Signals;

/** Totals of stall since boot, microseconds, of /proc/pressure (Documentation/accounting/psi.rst), line `some`. */
export interface PressureSample {
  readonly cpu: number;
  readonly io: number;
  readonly memory: number;
}

/** The rate was lowered: what for, by how much. */
export interface Decrease {
  readonly signal: Signal;
  readonly value: number;
  readonly limit: number;
  readonly rateBefore: number;
  readonly rate: number;
}

export interface GovernorStatus {
  readonly enabled: boolean;
  /** Starts a second, of the whole host. */
  readonly rate: number;
  readonly usualRate: number;
  readonly ceiling: number;
  /** Starts that may begin now without waiting for the rate. */
  readonly tokens: number;
  readonly inFlight: number;
  readonly cap: number;
  readonly queued: number;
  readonly maxQueue: number;
  readonly byPriority: readonly { readonly priority: number; readonly queued: number }[];
  readonly byTenant: readonly { readonly tenant: string; readonly queued: number }[];
  readonly signals: Signals;
  readonly limits: Required<Signals>;
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

/** Durations in ms, rates in starts a second of the whole host. */
export interface GovernorSettings {
  readonly enabled: boolean;
  readonly rate: number;
  readonly ceiling: number;
  readonly floor: number;
  readonly burst: number;
  readonly inFlight: number;
  readonly settleMs: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  readonly limits: Required<Signals>;
}

/** The world of the governor. */
export interface GovernorPorts {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Runs `run` after `ms`; the answer calls it off. */
  setTimer(ms: number, run: () => void): () => void;
  /** Undefined: the kernel keeps no pressure (psi=0). */
  pressure(): PressureSample | undefined;
  event(type: 'start.queued' | 'start.refused' | 'governor.slowed', data: Readonly<Record<string, unknown>>): void;
  /** A start had its turn after so many seconds. */
  waited(seconds: number): void;
}
