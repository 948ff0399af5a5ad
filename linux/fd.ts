import { check, func } from './libc.js';

const close = func('int close(int fd)');
const pipe2 = func('int pipe2(void *fds, int flags)');

const O_CLOEXEC = 0o2000000;

/** A close-on-exec pipe; the caller closes both ends. */
export function openPipe(): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8);
  check(pipe2(fds, O_CLOEXEC), 'pipe2');
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

/**
 * Closes a descriptor that this room opened. Not fs.closeSync: in a worker thread Node keeps account of descriptors and
 * warns about those that it did not open itself.
 */
export function closeDescriptor(fd: number): void {
  close(fd);
}
