// Who is at the other end of a unix socket, as the kernel tells: of a listener also when its process is stopped and answers
// nothing, of a client as it was when it connected.
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
const SO_PEERGROUPS = 59;
/** struct ucred: pid, uid, gid. */
const UCRED_BYTES = 12;
/** NGROUPS_MAX of limits.h, four bytes each. */
const GROUPS_BYTES = 65_536 * 4;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Beside `gid`. */
  readonly groups: readonly number[];
}

/** The process that has called listen(2); undefined: nobody listens, or its queue is full. */
export function listenerPid(path: string): number | undefined {
  const fd = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', { path });
  try {
    const address = unixAddress(path);
    if (libc.connect(fd, address, address.length) < 0) return undefined;
    return option(fd, SO_PEERCRED, UCRED_BYTES).readInt32LE(0);
  } finally {
    closeDescriptor(fd);
  }
}

/** Of a connected unix socket; ids as the user namespace of this process has them. Throws SysError. */
export function peerCredentials(fd: number): PeerCredentials {
  const credentials = option(fd, SO_PEERCRED, UCRED_BYTES);
  const groups = option(fd, SO_PEERGROUPS, GROUPS_BYTES);
  return {
    pid: credentials.readInt32LE(0),
    uid: credentials.readUInt32LE(4),
    gid: credentials.readUInt32LE(8),
    groups: Array.from({ length: groups.length / 4 }, (_, at) => groups.readUInt32LE(at * 4)),
  };
}

function option(fd: number, name: number, most: number): Buffer {
  const value = Buffer.alloc(most);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(most);
  check(libc.getsockopt(fd, SOL_SOCKET, name, value, length), 'getsockopt', { value: String(name) });
  return value.subarray(0, length.readUInt32LE(0));
}
