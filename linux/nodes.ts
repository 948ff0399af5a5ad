// mknod(2), and syncfs(2): what the layers of images need and Node has no call for.
import { check, func } from './libc.js';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;

/** Throws SysError. The umask applies. */
export function makeFifo(path: Buffer, mode: number): void {
  mknod(path, S_IFIFO | mode);
}

/** A character device 0/0, which overlayfs takes for "removed". Throws SysError. */
export function makeWhiteout(path: Buffer): void {
  mknod(path, S_IFCHR);
}

/** Everything of the file system of `fd` is on disk. Blocks: not for a main loop. Throws SysError. */
export function syncFileSystem(fd: number): void {
  check(func('int syncfs(int fd)')(fd), 'syncfs');
}

function mknod(path: Buffer, mode: number): void {
  const call = func('int mknod(const void *path, unsigned int mode, unsigned long device)');
  check(call(Buffer.concat([path, Buffer.from([0])]), mode, 0), 'mknod', { path: path.toString() });
}
