// The record of a workload as it lies on disk, by whichever version of berth: what taking a workload over needs is looked
// at, what older versions did not write gets its default, and what this version does not know is kept as it is.
//
// Fields are only ever added, and never change their meaning: so an older version reads what a newer one has written, and a
// downgrade takes over every workload.
import { type Desired, NEVER_RUN, NO_NETWORK, type WorkloadRecord, type WorkloadState } from './record.js';
import { DRIVER_NAMES, type WorkloadSpec } from './spec.js';
import { withDefaults } from './stored-spec.js';

type Tree = Readonly<Record<string, unknown>>;

/** A record of a version that can do more. It is whole, and stays where it is for that version. */
export class OfLaterVersion extends Error {}

const STATES: Readonly<Record<WorkloadState, true>> = {
  ...{ pending: true, preparing: true, starting: true, running: true },
  ...{ frozen: true, stopping: true, exited: true, failed: true },
};
const WISHES: Readonly<Record<Desired, true>> = { running: true, frozen: true, stopped: true, deleted: true };

/** What records of older versions may lack. */
const LACKING = {
  ...NEVER_RUN,
  ...{ since: 0, createdAt: 0, generation: 1, bootId: '', restarts: 0 },
  ...{ restartRequested: false, end: null, error: null },
};

/** Throws an Error that says what is missing, OfLaterVersion for a driver that this version does not have. */
export function readRecord(stored: unknown): WorkloadRecord {
  const record = treeOf(stored, 'the record');
  const id = textOf(record, 'id');
  const spec = treeOf(record.spec, 'spec');
  const sandbox = treeOf(record.sandbox, 'sandbox');
  textOf(sandbox, 'cgroup');
  if (textOf(spec, 'id') !== id) throw new Error(`holds the spec of ${String(spec.id)}`);
  const driver = textOf(spec, 'driver');
  if (!(DRIVER_NAMES as readonly string[]).includes(driver))
    throw new OfLaterVersion(`driver "${driver}" is none of this version; the record is kept for a later one`);
  const { process } = record;
  if (process !== undefined && process !== null) {
    const { pid, startTime } = treeOf(process, 'process');
    if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(startTime)) throw new Error('process has no pid');
  }
  // Checked above as far as anything depends on it.
  return {
    ...LACKING,
    ...record,
    state: stateOf(record),
    desired: Object.hasOwn(WISHES, String(record.desired)) ? record.desired : 'running',
    spec: withoutOldDefault(record, withDefaults(spec) as unknown as WorkloadSpec),
    sandbox: { ...NO_NETWORK, ...sandbox },
  } as unknown as WorkloadRecord;
}

/** Of a state that this version does not know: with a process it runs, without one it is on its way. */
function stateOf({ state, process }: Tree): WorkloadState {
  if (Object.hasOwn(STATES, String(state))) return state as WorkloadState;
  return process === null || process === undefined ? 'pending' : 'running';
}

function treeOf(value: unknown, what: string): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is not an object`);
  return value as Tree;
}

function textOf(tree: Tree, field: string): string {
  const value = tree[field];
  if (typeof value !== 'string' || value === '') throw new Error(`${field} is missing`);
  return value;
}

/** The limit of tries that earlier agents wrote into each record where the spec had none. */
const OLD_DEFAULT = 5;

/** A record that an earlier agent wrote: its default is not what somebody asked for, and would make the same spec a conflict. */
export function withoutOldDefault(record: Pick<WorkloadRecord, 'restart'>, spec: WorkloadSpec): WorkloadSpec {
  const { maxRetries, ...restart } = spec.restart;
  return record.restart === undefined && maxRetries === OLD_DEFAULT ? { ...spec, restart } : spec;
}
