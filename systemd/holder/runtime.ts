// A runtime (crun --detach --pid-file F) starts the real process, leaves its pid in a file and ends.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { readStat } from '../../linux/proc.js';
import type { ExitedChild } from '../../linux/wait.js';
import { HolderFailure } from './failure.js';
import type { EndedOrphan, Orphans } from './orphans.js';
import type { SpawnRequest } from './protocol.js';

const TAIL_BYTES = 2048;

/** What a runtime that ended well left behind. */
export type RuntimeResult =
  | { readonly kind: 'running'; readonly pid: number; readonly startTime: number }
  | { readonly kind: 'ended'; readonly pid: number; readonly exit: EndedOrphan | undefined }
  | { readonly kind: 'failed' };

/** `since`: clock ticks since boot before which an orphan's exit belongs to another process. */
export function runtimeResult(pidFile: string, orphans: Orphans, since: number): RuntimeResult {
  const pid = readPidFile(pidFile);
  if (pid === undefined) return { kind: 'failed' };
  const ended = orphans.take(pid, since);
  if (ended !== undefined) return { kind: 'ended', pid, exit: ended };
  const stat = readStat(pid);
  return stat === undefined
    ? { kind: 'ended', pid, exit: undefined }
    : { kind: 'running', pid, startTime: stat.startTime };
}

/** The pid in a file, or undefined when there is none. */
export function readPidFile(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'latin1').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
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

export function runtimeFailure(request: SpawnRequest, exited: ExitedChild): HolderFailure {
  const how = exited.signal === null ? `exit code ${exited.code}` : `signal ${exited.signal}`;
  const why = exited.code === 0 ? `left no pid in ${request.pidFile}` : how;
  const note = `${why}: ${tailOf(request.output)}`;
  return new HolderFailure({ op: 'runtime', path: request.argv[0] ?? '', errno: constants.errno.EIO, note });
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
