// Whether the whole host goes down, and not only this service.
import { runProgram } from '../../linux/run-program.js';

/** A busy bus is asked no longer: a stop of the agent has five seconds. */
const TIMEOUT_MS = 500;

/** Asks systemd, which says `stopping` from the moment a shutdown is under way; false where there is none to ask. */
export function hostGoesDown(program = 'systemctl'): Promise<boolean> {
  // Its exit code is 0 for `running` only: what counts is the word.
  return runProgram(program, ['is-system-running'], { deadlineMs: TIMEOUT_MS }).then(
    ({ stdout }) => stdout.trim() === 'stopping',
    () => false,
  );
}
