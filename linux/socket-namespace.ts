// The network namespace behind a socket of another process: it may be all that keeps the namespace alive.
import { closeDescriptor } from './fd.js';
import { func } from './libc.js';
import { copyDescriptor, openPidfd } from './pidfd.js';

const ioctl = func('int ioctl(int fd, unsigned long request, void *argument)');

/** ioctl_ns(2) for sockets: a descriptor of the namespace in which the socket was made. */
const SIOCGSKNS = 0x894c;

/** A descriptor that the caller closes; undefined where the process or the socket is gone, or may not be looked at. */
export function openNamespaceOfSocket(pid: number, fd: number): number | undefined {
  const process = openPidfd(pid);
  if (process === undefined) return undefined;
  try {
    const socket = copyDescriptor(process, fd);
    if (socket === undefined) return undefined;
    const namespace = ioctl(socket, SIOCGSKNS, null);
    closeDescriptor(socket);
    return namespace < 0 ? undefined : namespace;
  } finally {
    closeDescriptor(process);
  }
}
