// A runtime (crun --detach --pid-file F) starts the real process, leaves its pid in a file and ends.
import { closeSync, constants as flags, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { readStat } from '../../linux/proc.js';
import type { ExitedChild } from '../../linux/wait.js';
import { SupervisorFailure } from './failure.js';
import type { EndedOrphan, Orphans } from './orphans.js';
import type { SpawnRequest } from './protocol.js';

const TAIL_BYTES = 2048;
const PID_BYTES = 32;

/** What a runtime that ended well left behind. */
export type RuntimeResult =
  | { readonly kind: 'running'; readonly pid: number; readonly startTime: number }
  | { readonly kind: 'ended'; readonly pid: number; readonly exit: EndedOrphan | undefined }
  | { readonly kind: 'failed' };

/**
 * `since`: clock ticks since boot before which an orphan's exit belongs to another process. A process that is not in `cgroup`
 * is none of the runtime's, whatever its file says.
 */
export function runtimeResult(pidFile: string, cgroup: string, orphans: Orphans, since: number): RuntimeResult {
  const pid = readPidFile(pidFile);
  if (pid === undefined) return { kind: 'failed' };
  const ended = orphans.take(pid, since);
  if (ended !== undefined) return { kind: 'ended', pid, exit: ended };
  const stat = readStat(pid);
  if (stat === undefined) return { kind: 'ended', pid, exit: undefined };
  return isIn(pid, cgroup) ? { kind: 'running', pid, startTime: stat.startTime } : { kind: 'failed' };
}

/** The pid in a file, or undefined when there is none: the file is another program's, and may be anything, a pipe too. */
export function readPidFile(file: string): number | undefined {
  try {
    const fd = openSync(file, flags.O_RDONLY | flags.O_NONBLOCK | flags.O_NOFOLLOW);
    try {
      const bytes = Buffer.alloc(PID_BYTES);
      const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, null)).trim();
      const pid = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** Whether a process is in a cgroup or below it. */
export function isIn(pid: number, cgroup: string): boolean {
  try {
    let path = /^0::(\/.*?)(?: \(deleted\))?$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? '/';
    // The path of proc begins at the mount of cgroup v2, that of the request at the root of the file system.
    for (; path !== '/'; path = dirname(path)) if (cgroup.endsWith(path)) return true;
    return false;
  } catch {
    return false;
  }
}

/**
 * Kills what a failed runtime may have left: its process group, and that of the process in its pid file if it has come
 * to this process as an orphan. Only while the runtime is a zombie: afterwards its pid might name another group.
 */
export function killLeftovers(runtimePid: number, pidFile: string): void {
  if (readStat(runtimePid)?.state !== 'Z') return;
  kill(-runtimePid);
  const main = readPidFile(pidFile);
  const stat = main === undefined ? undefined : readStat(main);
  if (stat?.ppid === process.pid && stat.group !== readStat(process.pid)?.group) kill(-stat.group);
}

export function runtimeFailure(request: SpawnRequest, exited: ExitedChild): SupervisorFailure {
  const how = exited.signal === null ? `exit code ${exited.code}` : `signal ${exited.signal}`;
  const why = exited.code === 0 ? `left no pid of a process of its own in ${request.pidFile}` : how;
  const note = `${why}: ${tailOf(request.output)}`;
  return new SupervisorFailure({ op: 'runtime', path: request.argv[0] ?? '', errno: constants.errno.EIO, note });
}

function tailOf(file: string): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const { size } = fstatSync(fd);
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      return tail.toString('utf8', 0, readSync(fd, tail, 0, tail.length, size - tail.length)).trim();
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Nothing left.
  }
}
