// A record with a change of it. No change of state but those of the diagram in lifecycle.ts.
import { BerthError } from '../../protocol/errors.js';
import { mayChange } from '../model/lifecycle.js';
import type { WorkloadRecord } from '../model/record.js';

/** `since` is the time of the last change of state. Throws `internal` for a change that the diagram does not have. */
export function changed(before: WorkloadRecord, change: Partial<WorkloadRecord>): WorkloadRecord {
  const { state = before.state } = change;
  if (state === before.state) return { ...before, ...change };
  if (!mayChange(before.state, state))
    throw new BerthError('internal', `workload ${before.id} cannot go from ${before.state} to ${state}`);
  return { ...before, ...change, since: Date.now() };
}
