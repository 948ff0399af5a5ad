// A decision to kill for pressure or as a health probe failed, which is durable before it is carried out. How old it is, is measured by the clock of
// the boot, in which it was made: the one on the wall may be set, and the agent may have been away.
import { uptime } from 'node:os';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Killed } from '../model/record.js';
import type { Freezable } from './freezing.js';

/** How long it holds. What was to be relieved may be long over, then. */
const STALE_MS = 60_000;

export function killDecision(by: Killed['by'], detail: string, bootMs = uptime() * 1000): Killed {
  return { by, detail, at: Date.now(), bootMs };
}

function isStale({ at, bootMs }: Killed, now = { boot: uptime() * 1000, wall: Date.now() }): boolean {
  // One of an agent that did not write it down; set back, the wall says nothing.
  if (bootMs === undefined) return Math.abs(now.wall - at) > STALE_MS;
  return now.boot - bootMs > STALE_MS;
}

/** A kill that was decided before the agent died. What was to be relieved may be long over: then it is taken back. */
export async function resumeKill(actor: Freezable, cgroups: Pick<CgroupPort, 'kill'>): Promise<void> {
  const { killed, sandbox } = actor.record;
  if (killed === null) return;
  if (isStale(killed)) return actor.patch({ killed: null });
  await cgroups.kill(sandbox.cgroup);
}
