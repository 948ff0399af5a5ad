// Leases of files (fcntl(2)), as far as they tell who has a file open.
import { constants } from 'node:os';
import { SysError } from './errors.js';
import { errno, func } from './libc.js';

const fcntl = func('int fcntl(int fd, int command, long argument)');

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const [F_RDLCK, F_UNLCK] = [0, 2];
const { EAGAIN } = constants.errno;
const { SIGURG } = constants.signals;

/**
 * Whether anybody has the file open for writing, or mapped so. `fd` must be open for reading alone, and the file that of this
 * user. Throws SysError: EINVAL on a file system that keeps no leases.
 */
export function isOpenForWriting(fd: number): boolean {
  // Who opens the file in the moment of the lease has this process told: by a signal that does nothing, and not by SIGIO, which ends it.
  if (fcntl(fd, F_SETSIG, SIGURG) < 0) throw new SysError('fcntl', errno(), { value: 'F_SETSIG' });
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
    const error = errno();
    if (error === EAGAIN) return true;
    throw new SysError('fcntl', error, { value: 'F_SETLEASE' });
  }
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}
