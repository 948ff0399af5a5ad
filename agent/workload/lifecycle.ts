// The life of a workload. Every change of state goes through `transition`, is durable before anyone hears of it, and
// becomes one event.
//
//            create                      all steps done            process alive
//   (none) ---------> pending ---------> preparing ---------> starting ---------> running <-----> frozen
//                        ^                   |                    |                  |   freeze/thaw  |
//                        |                   | a step failed      | cannot start     | it ended, or   |
//                        | restart policy,   v                    v                  v must end       v
//                        | start        +--------------------- stopping ------------------------------+
//                        |              |  sandbox taken down; what failed is tried again
//                        |              v
//                        +----- exited | failed ---------> (none)      delete: from any state, by way of stopping
//
// pending    accepted and durable: admission granted, names and address leased. Waits for its turn, or for the
//            back-off of a restart, or until those are gone that make room for it. A crash here loses nothing: the next agent begins with the same names.
// preparing  cgroup, limits and network are being made. Every step is idempotent, so that after a crash the same plan
//            is simply run again. Ends within lifecycle.start_deadline, or as failed with `deadline_exceeded`.
// starting   the holder was asked for the process. The holder is idempotent by id: asked again after a crash it
//            answers with the process that already runs.
// running    the process (or, for external, the sandbox) is there. It survives any end of the agent.
// frozen     cgroup.freeze is 1; memory is kept, no instruction runs.
// stopping   the end is known or wanted, and objects are being removed. `end` or `error` says why. It stays here,
//            visible, for as long as something cannot be removed, with the reason in `error`.
// exited     ended with code 0, or because it was told to. Holds no kernel object, no address, no share of the ledger.
// failed     ended otherwise, or could not start; `end` or `error` says why. Holds nothing either.
import type { Desired, EndRecord, WorkloadRecord, WorkloadState } from './record.js';
import type { WorkloadSpec } from './spec.js';

const EDGES: Readonly<Record<WorkloadState, readonly WorkloadState[]>> = {
  pending: ['preparing', 'stopping'],
  preparing: ['starting', 'stopping', 'running'],
  starting: ['running', 'stopping', 'pending'],
  running: ['frozen', 'stopping', 'pending'],
  frozen: ['running', 'stopping', 'pending'],
  stopping: ['exited', 'failed', 'pending'],
  exited: ['pending'],
  failed: ['pending'],
};

/** Whether the diagram above has the edge; staying is not an edge. */
export function mayChange(from: WorkloadState, to: WorkloadState): boolean {
  return EDGES[from].includes(to);
}

/** Holds nothing in the kernel and nothing in the ledger. */
export function isSettled(state: WorkloadState): boolean {
  return state === 'exited' || state === 'failed';
}

/** On its way to rest, or to be nothing: it holds what it has for a while yet. */
export function isLeaving({ state, desired }: Pick<WorkloadRecord, 'state' | 'desired'>): boolean {
  return !isSettled(state) && (state === 'stopping' || desired === 'stopped' || desired === 'deleted');
}

/** Ends of those that were told to go. */
const TOLD: readonly EndRecord['cause'][] = ['stopped', 'preempted', 'quota'];

/** Where a workload comes to rest after its end. */
export function restingState(end: EndRecord | null): 'exited' | 'failed' {
  const told = end !== null && TOLD.includes(end.cause);
  return told || (end?.cause === 'exit' && end.code === 0) ? 'exited' : 'failed';
}

/** Milliseconds to wait before the next try, or null when the policy asks for none. 1 s doubling to 60 s. */
export function restartDelay(
  restart: WorkloadSpec['restart'],
  desired: Desired,
  end: EndRecord,
  restarts: number,
): number | null {
  if (desired !== 'running' && desired !== 'frozen') return null;
  if (TOLD.includes(end.cause) || end.cause === 'start' || restart.policy === 'never') return null;
  if (restart.policy === 'on-failure' && restingState(end) === 'exited') return null;
  if (restarts >= restart.maxRetries) return null;
  return Math.min(60_000, 1000 * 2 ** Math.min(restarts, 6));
}
