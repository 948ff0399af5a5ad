// Named pipes (fifo(7)) and splice(2), which moves bytes out of one without copying them through this process.
import { constants } from 'node:os';
import { SysError } from './errors.js';
import { check, errno, func } from './libc.js';

const mkfifo = func('int mkfifo(const char *path, unsigned int mode)');
const chmod = func('int chmod(const char *path, unsigned int mode)');
const splice = func('long splice(int in, void *inOffset, int out, void *outOffset, size_t length, unsigned int flags)');
const ioctl = func('int ioctl(int fd, unsigned long request, void *argument)');
const fcntl = func('int fcntl(int fd, int command, long argument)');

const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
const FIONREAD = 0x541b;
const F_SETFD = 2;

/** Makes a FIFO with exactly `mode`, whatever the umask. Throws SysError. */
export function makeFifo(path: string, mode: number): void {
  check(mkfifo(path, 0o600), 'mkfifo', { path });
  check(chmod(path, mode), 'chmod', { path });
}

/** Bytes that lie in a pipe. */
export function pendingBytes(pipe: number): number {
  const count = Buffer.alloc(4);
  check(ioctl(pipe, FIONREAD, count), 'ioctl', { value: 'FIONREAD' });
  return count.readInt32LE(0);
}

/** What splice found in the pipe: bytes moved, or nothing now, or nothing any more because nobody has it open for writing. */
export type Moved = number | 'empty' | 'ended';

/**
 * Moves at most `length` bytes from a pipe to `offset` of the file `out` (not O_APPEND). A byte leaves the pipe only when the
 * file has it, so a process killed in between loses none. Throws SysError of the file: ENOSPC, EDQUOT, EIO.
 */
export function moveFromPipe(pipe: number, out: number, offset: number | undefined, length: number): Moved {
  const at = offset === undefined ? null : offsetOf(offset);
  const moved = splice(pipe, null, out, at, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) return moved;
  if (moved === 0) return 'ended';
  const error = errno();
  if (error === constants.errno.EAGAIN || error === constants.errno.EINTR) return 'empty';
  throw new SysError('splice', error);
}

/** Lets a descriptor survive execve(2) of this process. */
export function keepOnExec(fd: number): void {
  check(fcntl(fd, F_SETFD, 0), 'fcntl', { value: 'F_SETFD' });
}

function offsetOf(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(BigInt(value));
  return buffer;
}
