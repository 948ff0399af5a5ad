// A netlink socket for requests. The kernel works on a request inside sendmsg(2) and has queued the answer when it
// returns, so a receive directly after a send never waits; the timeout only guards against a kernel that breaks this.
// The socket stays bound to the network namespace in which it was opened, wherever its thread goes later.
import { constants } from 'node:os';
import { codeOf, SysError } from './errors.js';
import { check, func } from './libc.js';

export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
const TIMEOUT_SECONDS = 5n;
const RECEIVE_BYTES = 128 * 1024;
const SOCKET_BUFFER_BYTES = 1024 * 1024;

const libc = {
  socket: func('int socket(int domain, int type, int protocol)'),
  bind: func('int bind(int fd, const void *address, unsigned int length)'),
  setsockopt: func('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
  send: func('long send(int fd, const void *data, size_t length, int flags)'),
  recv: func('long recv(int fd, void *data, size_t length, int flags)'),
  getsockname: func('int getsockname(int fd, void *address, void *length)'),
  close: func('int close(int fd)'),
};

export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  #closed = false;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opens and binds in the calling thread's network namespace. `sendBytes` is the longest datagram that must be
   * possible, beyond net.core.wmem_max where the caller has CAP_NET_ADMIN. Throws SysError.
   */
  static open(protocol: number = NETLINK_ROUTE, sendBytes?: number): NetlinkSocket {
    const fd = check(libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), 'socket', { path: 'netlink' });
    const socket = new NetlinkSocket(fd);
    try {
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      check(libc.bind(fd, address, address.length), 'bind', { path: 'netlink' });
      socket.#option(SOL_NETLINK, NETLINK_EXT_ACK, int(1), 'NETLINK_EXT_ACK');
      socket.#option(SOL_NETLINK, NETLINK_CAP_ACK, int(1), 'NETLINK_CAP_ACK');
      socket.#option(SOL_SOCKET, SO_RCVBUF, int(SOCKET_BUFFER_BYTES), 'SO_RCVBUF');
      if (sendBytes !== undefined) socket.#enlarge(sendBytes);
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(TIMEOUT_SECONDS, 0);
      socket.#option(SOL_SOCKET, SO_RCVTIMEO, timeout, 'SO_RCVTIMEO');
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  }

  /** Sends one datagram of one or more messages; the kernel has executed all of them when this returns. */
  send(data: Buffer): void {
    check(libc.send(this.#fd, data, data.length, 0), 'send', { path: 'netlink' });
  }

  /**
   * One datagram, as a view that is valid until the next receive. Throws SysError: EAGAIN when the kernel does not
   * answer within 5 s, ENOBUFS when it dropped answers (netlink(7)), EMSGSIZE for one longer than 128 KiB.
   */
  receive(): Buffer {
    const length = check(libc.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_TRUNC), 'recv', {
      path: 'netlink',
    });
    if (length > this.#buffer.length) {
      const note = `an answer of ${length} bytes does not fit`;
      throw new SysError('recv', constants.errno.EMSGSIZE, { path: 'netlink', note });
    }
    return this.#buffer.subarray(0, length);
  }

  /** The address that the kernel gave this socket: notifications name it as the port that asked for a change. */
  get port(): number {
    const address = Buffer.alloc(12);
    check(libc.getsockname(this.#fd, address, int(address.length)), 'getsockname', { path: 'netlink' });
    return address.readUInt32LE(4);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }

  // Without the capability the first privileged request says so better than this could.
  #enlarge(bytes: number): void {
    try {
      this.#option(SOL_SOCKET, SO_SNDBUFFORCE, int(bytes), 'SO_SNDBUFFORCE');
    } catch (error) {
      if (codeOf(error) !== 'EPERM') throw error;
    }
  }

  #option(level: number, name: number, value: Buffer, label: string): void {
    check(libc.setsockopt(this.#fd, level, name, value, value.length), 'setsockopt', { path: label });
  }
}

function int(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32LE(value);
  return out;
}
