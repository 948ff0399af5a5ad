// What a request to the supervisor may take: nobody waits without end for a process that may be stopped or dead.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';

export interface RequestOptions {
  /** Gives the request up: it is not sent again, and what it started is reported as late. */
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

/** For what the supervisor answers from memory. */
export const ANSWER_MS = 5000;
/** For a runtime that has to start; the caller's signal is what usually ends it. */
export const SPAWN_MS = 120_000;

export function tooLate(op: string, path: string, ms: number): SysError {
  return new SysError(op, constants.errno.ETIMEDOUT, { path, note: `the supervisor did not answer within ${ms} ms` });
}
