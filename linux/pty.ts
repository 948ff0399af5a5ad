// Pseudoterminals (pty(7)). The master is not blocking: a program that does not read its terminal must not stop this process.
import { readdirSync, readlinkSync } from 'node:fs';
import { closeDescriptor } from './fd.js';
import { check, func } from './libc.js';
import { copyDescriptor, openPidfd } from './pidfd.js';

const open = func('int posix_openpt(int flags)');
const ioctl = func('int ioctl(int fd, unsigned long request, void *argument)');
const fcntl = func('int fcntl(int fd, int command, long argument)');

const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;
const F_DUPFD_CLOEXEC = 1030;

/** In characters. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Pty {
  /** The caller closes it: that hangs up the terminal. */
  readonly master: number;
  /** Path of the other end. */
  readonly slave: string;
}

/** A new one, unlocked. Throws SysError: ENOSPC (kernel.pty.max), EMFILE. */
export function openPty(): Pty {
  const master = check(open(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), 'posix_openpt');
  const number = Buffer.alloc(4);
  try {
    check(ioctl(master, TIOCSPTLCK, number), 'ioctl', { value: 'TIOCSPTLCK' });
    check(ioctl(master, TIOCGPTN, number), 'ioctl', { value: 'TIOCGPTN' });
  } catch (error) {
    closeDescriptor(master);
    throw error;
  }
  return { master, slave: `/dev/pts/${number.readUInt32LE(0)}` };
}

/** Programs in the foreground of the terminal get SIGWINCH. */
export function setWindowSize(master: number, { columns, rows }: WindowSize): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(ioctl(master, TIOCSWINSZ, size), 'ioctl', { value: 'TIOCSWINSZ' });
}

/** Of the terminals that a process is the master of, as a runtime is that stands between two. A process that is gone has none. */
export function resizeTerminalsOf(pid: number, size: WindowSize): void {
  const process = openPidfd(pid);
  if (process === undefined) return;
  try {
    for (const fd of descriptorsOf(pid).filter((one) => /\/ptmx$/.test(linkOf(pid, one)))) {
      const master = copyDescriptor(process, Number(fd));
      if (master === undefined) continue;
      try {
        setWindowSize(master, size);
      } finally {
        closeDescriptor(master);
      }
    }
  } finally {
    closeDescriptor(process);
  }
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

/** Another descriptor of the same open file; the caller closes it. */
export function duplicate(fd: number): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, 3), 'fcntl', { value: 'F_DUPFD_CLOEXEC' });
}
