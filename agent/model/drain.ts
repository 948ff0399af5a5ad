// A drain of the node: every workload, or those of a selection, is stopped until somebody lifts it.
import type { Deadline } from '../base/clock.js';
import type { WorkloadState } from './record.js';
import type { WorkloadSpec } from './spec.js';

type Class = WorkloadSpec['class'];

/** Which workloads, and how much time they have. */
export interface DrainRequest {
  /** Milliseconds from now after which what still runs is killed; null: no deadline. */
  readonly deadlineMs: number | null;
  /** Milliseconds between signal and kill, for every workload; null: as its specification says. */
  readonly graceMs: number | null;
  /** Workloads of this class, and of those above it, stay; null: none stay. */
  readonly keepClass: Class | null;
  readonly tenant: string | null;
  /** Of labels, as parseSelector takes it. */
  readonly selector: string | null;
}

/** As it is kept on disk, from the request until what it stopped was started again. */
export interface DrainOrder extends Omit<DrainRequest, 'deadlineMs'> {
  /** Unix milliseconds of the first request. */
  readonly since: number;
  readonly deadline: Deadline | null;
  /** Unix milliseconds; null: something is left. */
  readonly drainedAt: number | null;
  /** It is over: what it stopped is started again. */
  readonly lifting: boolean;
  /** While lifting: the node was opened. Who cordons it since then means it. */
  readonly opened: boolean;
}

/** What the drain waits for. */
export interface DrainRest {
  readonly id: string;
  readonly tenant: string;
  readonly state: WorkloadState;
  /** Why it does not go. */
  readonly problem: string | null;
}

/** What `node.drain` and `node.describe` show. */
export interface DrainView extends Omit<DrainOrder, 'deadline' | 'lifting' | 'opened'> {
  /**
   * draining: workloads are stopping or wait for their turn; incomplete: some are left half a minute after the deadline;
   * drained: none is left; lifting: those that were stopped start again.
   */
  readonly phase: 'draining' | 'incomplete' | 'drained' | 'lifting';
  /** Unix milliseconds by the clock on the wall as it is now. */
  readonly deadlineAt: number | null;
  /** All that it is about: those below together. */
  readonly total: number;
  readonly stopped: number;
  readonly stopping: number;
  readonly waiting: number;
  /** The first of those that are stopping. */
  readonly left: readonly DrainRest[];
}

/** One workload that a dry run would stop. */
export interface DrainStep {
  readonly id: string;
  readonly tenant: string;
  readonly class: Class;
  readonly priority: number;
  readonly state: WorkloadState;
  /** Milliseconds between signal and kill. */
  readonly graceMs: number;
}
