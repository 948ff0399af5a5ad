// Who listens on a unix socket, as the kernel tells: also of a process that is stopped and answers nothing.
import { closeDescriptor } from './fd.js';
import { check, func } from './libc.js';
import { unixAddress } from './unix-datagram.js';

const libc = {
  socket: func('int socket(int domain, int type, int protocol)'),
  connect: func('int connect(int fd, const void *address, unsigned int length)'),
  getsockopt: func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
};

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const UCRED_BYTES = 12;

/** The process that has called listen(2); undefined: nobody listens, or its queue is full. */
export function listenerPid(path: string): number | undefined {
  const fd = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', { path });
  try {
    const address = unixAddress(path);
    if (libc.connect(fd, address, address.length) < 0) return undefined;
    const credentials = Buffer.alloc(UCRED_BYTES);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(UCRED_BYTES);
    check(libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length), 'getsockopt', { path });
    return credentials.readInt32LE(0);
  } finally {
    closeDescriptor(fd);
  }
}
