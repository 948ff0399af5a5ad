// The wait for a VMM that was started with a snapshot.
import { constants } from 'node:os';
import { codeOf, SysError } from '../../linux/errors.js';
import { pause } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';

const { ETIMEDOUT } = constants.errno;
const FIRST_LOOK_MS = 5;
const LATEST_LOOK_MS = 200;
/** The socket is not there yet, or nobody listens. */
const NOT_YET: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ETIMEDOUT', 'ECONNRESET']);

export interface Loading {
  /** Of the VMM, for people. */
  readonly name: string;
  readonly patienceMs: number;
  /** Its process is there. */
  readonly alive: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Asks until there is an answer. Throws `start_failed` when the VMM has ended, SysError ETIMEDOUT when its time is over. */
export async function answerOf<T>(
  ask: () => Promise<T | undefined>,
  { name, patienceMs, alive, signal }: Loading,
): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(LATEST_LOOK_MS, wait * 2)) {
    // Looked at before the question: a process that ends in between is asked once more.
    const lives = alive();
    const answer = await ask().catch((error: unknown) => {
      if (!lives) throw new BerthError('start_failed', `${name} ended while it read the snapshot`, { cause: error });
      if (!NOT_YET.has(codeOf(error) ?? '') || performance.now() > until) throw error;
      return undefined;
    });
    if (answer !== undefined) return answer;
    if (performance.now() > until)
      throw new SysError('load', ETIMEDOUT, { note: `${name} has not read the snapshot within ${patienceMs} ms` });
    await pause(wait, { signal });
  }
}
