// Whether the whole host goes down, and not only this service.
import { execFile } from 'node:child_process';

/** A busy bus is asked no longer: a stop of the agent has five seconds. */
const TIMEOUT_MS = 500;

/** Asks systemd, which says `stopping` from the moment a shutdown is under way; false where there is none to ask. */
export function hostGoesDown(program = 'systemctl'): Promise<boolean> {
  return new Promise((resolve) => {
    // Its exit code is 0 for `running` only: what counts is the word.
    const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
    execFile(program, ['is-system-running'], options, (_error, stdout) => resolve(stdout.trim() === 'stopping'));
  });
}
