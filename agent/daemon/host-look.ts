// What the doctor looks at before it tells: with a deadline, whoever does not answer.
import { timeLimit } from '../../linux/timers.js';
import type { Log } from '../base/log.js';
import { orAbort } from '../base/or-abort.js';
import type { NetworkHealth } from '../network/health.js';
import type { Reaper } from '../workload/reaper.js';

const LOOK_MS = 10_000;

export interface HostLook {
  readonly reaper: Pick<Reaper, 'sweep'>;
  readonly health: Pick<NetworkHealth, 'refresh'>;
  readonly log: Pick<Log, 'warn'>;
}

/** Never rejects: what is slow or fails is left out, and a condition says what does not answer. */
export async function lookAtHost({ reaper, health, log }: HostLook, lookMs = LOOK_MS): Promise<void> {
  const { signal, done } = timeLimit(lookMs);
  const looks = [reaper.sweep({ now: false, signal }), health.refresh()];
  for (const look of await Promise.allSettled(looks.map((look) => orAbort<unknown>(look, signal))))
    if (look.status === 'rejected') log.warn({ err: look.reason }, 'the doctor goes on without this look');
  done();
}
