import { constants } from 'node:os';
import { SysError } from './errors.js';
import { check, errno, func } from './libc.js';

const waitid = func('int waitid(int idtype, unsigned int id, void *info, int options)');
const prctl = func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const CLD_EXITED = 1;
const PR_SET_CHILD_SUBREAPER = 36;
// siginfo_t on 64-bit: si_code at 8, si_pid at 16, si_status at 24; 128 bytes in all.
const SIGINFO_SIZE = 128;

/** An ended child; `code` and `signal` exclude each other. */
export interface ExitedChild {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * Some child that has ended, or undefined. It stays a zombie until `reapChild`, so that its pid cannot be given to
 * another process, and its status cannot be lost, while the caller writes it down. Only for a process that starts nothing
 * through node:child_process: this sees, and `reapChild` would take, children of that module in any thread.
 */
export function peekExitedChild(): ExitedChild | undefined {
  const info = Buffer.alloc(SIGINFO_SIZE);
  if (waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) < 0) {
    const error = errno();
    if (error === constants.errno.ECHILD) return undefined;
    throw new SysError('waitid', error);
  }
  const pid = info.readInt32LE(16);
  if (pid === 0) return undefined;
  const status = info.readInt32LE(24);
  if (info.readInt32LE(8) === CLD_EXITED) return { pid, code: status, signal: null };
  return { pid, code: null, signal: signalName(status) };
}

/** Removes the zombie `pid`, which must be a child that `peekExitedChild` has returned. */
export function reapChild(pid: number): void {
  check(waitid(P_PID, pid, Buffer.alloc(SIGINFO_SIZE), WEXITED | WNOHANG), 'waitid', { value: String(pid) });
}

/** Makes this process the parent of every orphan among its descendants (prctl(2), PR_SET_CHILD_SUBREAPER). */
export function becomeSubreaper(): void {
  check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl', { value: 'PR_SET_CHILD_SUBREAPER' });
}

/** `9` -> `"SIGKILL"`; real-time signals, which have no name in Node, become `"SIG34"`. */
export function signalName(signal: number): string {
  // Of the aliases (SIGABRT and SIGIOT, SIGIO and SIGPOLL) the usual name comes first.
  for (const [name, value] of Object.entries(constants.signals)) if (value === signal) return name;
  return `SIG${signal}`;
}
