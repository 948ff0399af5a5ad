import { constants } from 'node:os';
import { SysError } from './errors.js';
import { closeDescriptor } from './fd.js';
import { check, errno, func } from './libc.js';
import { isSameProcess } from './proc.js';

// By number: glibc has the wrappers only since 2.36. Both numbers are the same on every architecture.
const syscallOpen = func('long syscall(long number, int pid, unsigned int flags)');
const syscallSignal = func('long syscall(long number, int fd, int signal, void *info, unsigned int flags)');
const syscallGetfd = func('long syscall(long number, int pidfd, int fd, unsigned int flags)');
const poll = func('int poll(void *fds, unsigned long count, int timeout)');

const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
/** Linux 5.6. */
const SYS_PIDFD_GETFD = 438;
const POLLIN = 1;
const POLLFD_SIZE = 8;

/** A descriptor of the process (close-on-exec, as always with pidfd_open), or undefined when there is none. */
export function openPidfd(pid: number): number | undefined {
  const fd = syscallOpen(SYS_PIDFD_OPEN, pid, 0);
  if (fd >= 0) return fd;
  const error = errno();
  if (error === constants.errno.ESRCH) return undefined;
  throw new SysError('pidfd_open', error, { value: String(pid) });
}

/** Sends a signal to exactly that process; false when it has ended. */
export function signalPidfd(fd: number, signal: number): boolean {
  const result = syscallSignal(SYS_PIDFD_SEND_SIGNAL, fd, signal, null, 0);
  if (result >= 0) return true;
  const error = errno();
  if (error === constants.errno.ESRCH) return false;
  throw new SysError('pidfd_send_signal', error, { value: String(signal) });
}

/** A copy of a descriptor of another process, which the caller closes; undefined: it has none of that number, or it may not be had. */
export function copyDescriptor(pidfd: number, fd: number): number | undefined {
  const copy = syscallGetfd(SYS_PIDFD_GETFD, pidfd, fd, 0);
  return copy < 0 ? undefined : copy;
}

/**
 * Sends a signal to the process of this number that started at `startTime`, and to no other that has been given the number
 * since; false when it has ended. Throws SysError.
 */
export function signalProcess({ pid, startTime }: { pid: number; startTime: number }, signal: number): boolean {
  const fd = openPidfd(pid);
  if (fd === undefined) return false;
  try {
    return isSameProcess(pid, startTime) && signalPidfd(fd, signal);
  } finally {
    closeDescriptor(fd);
  }
}

/** Those of `pidfds` whose process has ended. Does not block. */
export function endedPidfds(pidfds: readonly number[]): number[] {
  if (pidfds.length === 0) return [];
  const set = Buffer.alloc(POLLFD_SIZE * pidfds.length);
  for (const [index, fd] of pidfds.entries()) {
    set.writeInt32LE(fd, index * POLLFD_SIZE);
    set.writeInt16LE(POLLIN, index * POLLFD_SIZE + 4);
  }
  check(poll(set, pidfds.length, 0), 'poll');
  return pidfds.filter((_, index) => set.readInt16LE(index * POLLFD_SIZE + 6) !== 0);
}
