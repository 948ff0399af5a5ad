// Whether a workload is there to be looked into.
import { BerthError } from '../../../protocol/errors.js';
import type { WorkloadRecord } from '../../model/record.js';

/** Throws `workload_frozen`, `workload_ending`, `workload_not_running`. */
export function requireRunning({ id, state, desired, restartRequested }: WorkloadRecord): void {
  const data = { id, state };
  if (state === 'frozen' || (state === 'running' && desired === 'frozen')) throw frozen({ id, state });
  if (state === 'stopping' || (state === 'running' && (desired !== 'running' || restartRequested)))
    throw new BerthError('workload_ending', `workload "${id}" is ending`, { data });
  if (state !== 'running') throw new BerthError('workload_not_running', `workload "${id}" is ${state}`, { data });
}

export function frozen({ id, state }: Pick<WorkloadRecord, 'id' | 'state'>): BerthError {
  return new BerthError('workload_frozen', `workload "${id}" is frozen`, { data: { id, state } });
}
