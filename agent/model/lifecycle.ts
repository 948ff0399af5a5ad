// The life of a workload. Every change of state is durable before anyone hears of it, and becomes one event; but
// `preparing`, which an agent that finds `pending` comes to by itself, is on disk only with what follows it.
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
// starting   the supervisor was asked for the process. The supervisor is idempotent by id: asked again after a crash it
//            answers with the process that already runs.
// running    the process (or, for external, the sandbox) is there. It survives any end of the agent.
// frozen     cgroup.freeze is 1; memory is kept, no instruction runs.
// stopping   the end is known or wanted, and objects are being removed. `end` or `error` says why. It stays here,
//            visible, for as long as something cannot be removed, with the reason in `error`.
//            A restart does not come by here: all processes of a run have ended before the next begins, and the sandbox stays.
//            A virtual machine that is saved to a snapshot stops by here, too, with the cause `suspended`; a start admits it anew.
// exited     ended with code 0, or because it was told to. Holds no kernel object, no address, no share of the ledger.
// failed     ended otherwise, or could not start; `end` or `error` says why. Holds nothing either.
//
// What may be asked of a workload in which situation, and what follows from it, is the table WISHES below. Nobody else
// decides: wishes.ts carries out what it says.
import { BerthError } from '../../protocol/errors.js';
import type { EndRecord, WorkloadRecord, WorkloadState } from './record.js';

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
const TOLD: readonly EndRecord['cause'][] = ['stopped', 'suspended', 'preempted', 'quota', 'drained'];

/** Whether it ended because berth or a person told it to. */
export function wasTold({ cause }: EndRecord): boolean {
  return TOLD.includes(cause);
}

/** Where a workload comes to rest after its end. */
export function restingState(end: EndRecord | null): 'exited' | 'failed' {
  const told = end !== null && wasTold(end);
  return told || (end?.cause === 'exit' && end.code === 0) ? 'exited' : 'failed';
}

/** What may be asked of a workload that is there. */
export type Wish = 'start' | 'stop' | 'restart' | 'freeze' | 'thaw' | 'delete' | 'update' | 'evict';

/** A state as it is, or on the way to an end that was asked for: `leaving` by stop, `evicting` for others or a drain, `deleting`. */
export type Situation = WorkloadState | 'leaving' | 'evicting' | 'deleting';

export type Action =
  /** Nothing changes: it is so, or on its way. */
  | 'keep'
  /** Admitted anew, as if it were created; it waits as `pending`. */
  | 'admit'
  /** It is to run; what is frozen is thawed. */
  | 'run'
  /** As `run`; a pause before the next try is over, and tries are counted from zero. */
  | 'retry'
  | 'stop'
  /** Its process ends and another one starts, in the same sandbox. */
  | 'restart'
  /** What does not run yet starts first. */
  | 'freeze'
  | 'delete'
  /** Live where it holds anything, else for its next start. */
  | 'update'
  | 'evict';

/** Why not; the words are in WHY_NOT. */
export interface Refused {
  readonly no: 'finished' | 'stopping' | 'evicting' | 'deleting';
}

const FINISHED: Refused = { no: 'finished' };
const STOPPING: Refused = { no: 'stopping' };
const EVICTING: Refused = { no: 'evicting' };
const DELETING: Refused = { no: 'deleting' };

type Row = Readonly<Record<Wish, Action | Refused>>;

const ON_ITS_WAY: Row = {
  ...{ start: 'run', stop: 'stop', restart: 'run', freeze: 'freeze', thaw: 'run' },
  ...{ delete: 'delete', update: 'update', evict: 'evict' },
};
const THERE: Row = { ...ON_ITS_WAY, restart: 'restart' };
const AT_REST: Row = {
  ...{ start: 'admit', stop: 'stop', restart: 'admit', freeze: FINISHED, thaw: FINISHED },
  ...{ delete: 'delete', update: 'update', evict: 'keep' },
};

/** As with systemd and Docker, `start` thaws, and `restart` starts what does not run. Freeze and thaw never start anything. */
export const WISHES: Readonly<Record<Situation, Row>> = {
  pending: { ...ON_ITS_WAY, start: 'retry', restart: 'retry' },
  preparing: ON_ITS_WAY,
  starting: ON_ITS_WAY,
  running: THERE,
  frozen: THERE,
  stopping: {
    ...{ start: STOPPING, stop: 'stop', restart: STOPPING, freeze: STOPPING, thaw: STOPPING },
    ...{ delete: 'delete', update: 'update', evict: 'keep' },
  },
  leaving: {
    ...{ start: STOPPING, stop: 'keep', restart: STOPPING, freeze: STOPPING, thaw: STOPPING },
    ...{ delete: 'delete', update: 'update', evict: 'keep' },
  },
  evicting: {
    ...{ start: EVICTING, stop: 'keep', restart: EVICTING, freeze: EVICTING, thaw: EVICTING },
    ...{ delete: 'delete', update: 'update', evict: 'keep' },
  },
  deleting: {
    ...{ start: DELETING, stop: DELETING, restart: DELETING, freeze: DELETING, thaw: DELETING },
    ...{ delete: 'keep', update: DELETING, evict: 'keep' },
  },
  exited: AT_REST,
  failed: AT_REST,
};

const WHY_NOT: Readonly<Record<Refused['no'], (id: string, wish: Wish) => { message: string; hint: string }>> = {
  finished: (id, wish) => ({
    message: `workload "${id}" does not run: there is nothing to ${wish}`,
    hint: `Start it first: \`berth workload start ${id}\`.`,
  }),
  stopping: (id, wish) => ({
    message: `workload "${id}" is stopping; ${wish} it when it has stopped`,
    hint: `Wait for its end with \`berth workload wait ${id}\`, then \`berth workload start ${id}\`.`,
  }),
  evicting: (id) => ({
    message: `workload "${id}" is being evicted; start it when it has stopped`,
    hint: `\`berth workload show ${id}\` says for whom. Then \`berth workload start ${id}\`, where there is room.`,
  }),
  deleting: (id) => ({
    message: `workload "${id}" is being deleted`,
    hint: `Wait until it is gone with \`berth workload wait ${id} --for deleted\`, then create it anew.`,
  }),
};

export function situationOf({
  state,
  desired,
  evicted,
}: Pick<WorkloadRecord, 'state' | 'desired' | 'evicted'>): Situation {
  if (desired === 'deleted') return 'deleting';
  if (isSettled(state)) return state;
  if (evicted) return 'evicting';
  return desired === 'stopped' ? 'leaving' : state;
}

/** What follows from a wish. Throws `invalid_state`, with what to do instead. */
export function actionFor(wish: Wish, record: Pick<WorkloadRecord, 'id' | 'state' | 'desired' | 'evicted'>): Action {
  const situation = situationOf(record);
  const answer = WISHES[situation][wish];
  if (typeof answer === 'string') return answer;
  const { message, hint } = WHY_NOT[answer.no](record.id, wish);
  throw new BerthError('invalid_state', message, { hint, data: { id: record.id, situation, wish } });
}
