import { readFileSync } from 'node:fs';
import { readStat } from '../../linux/proc.js';
import type { HeldRecord } from './records.js';

export interface FoundProcess {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * The process of a spawn whose supervisor died before it could note the pid: the oldest session leader that appeared in the
 * workload's cgroup after the intent. On glibc < 2.39 it may also still be the shell in the supervisor's own cgroup, about
 * to move itself.
 */
export function findSpawned(
  intent: HeldRecord,
  ownCgroup: string | undefined,
  isTaken: (pid: number) => boolean,
): FoundProcess | undefined {
  const inTarget = pidsIn(intent.cgroup);
  const onTheWay = ownCgroup === undefined ? [] : pidsIn(ownCgroup).filter((pid) => isMoving(pid, intent.cgroup));
  let found: FoundProcess | undefined;
  for (const pid of [...inTarget, ...onTheWay]) {
    if (pid === process.pid || isTaken(pid)) continue;
    const stat = readStat(pid);
    if (stat === undefined || stat.session !== pid || stat.startTime < intent.uptimeTicks) continue;
    if (found === undefined || stat.startTime < found.startTime) found = { pid, startTime: stat.startTime };
  }
  return found;
}

function pidsIn(cgroup: string): number[] {
  try {
    return readFileSync(`${cgroup}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isMoving(pid: number, cgroup: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(cgroup);
  } catch {
    return false;
  }
}
