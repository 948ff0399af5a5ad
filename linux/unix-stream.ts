// Unix stream sockets as descriptors of our own: Node passes none of its descriptors to the peer (SCM_RIGHTS of unix(7)).
import { constants } from 'node:os';
import { SysError } from './errors.js';
import { closeDescriptor } from './fd.js';
import { addressOf, check, func } from './libc.js';
import { unixAddress } from './unix-datagram.js';

const libc = {
  socket: func('int socket(int domain, int type, int protocol)'),
  connect: func('int connect(int fd, const void *address, unsigned int length)'),
  sendmsg: func('long sendmsg(int fd, const void *message, int flags)'),
};

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct msghdr and struct iovec of 64 bits. */
const MSGHDR = 56;
const IOVEC = 16;
/** CMSG_LEN and CMSG_SPACE of one int. */
const CONTROL_LENGTH = 20;
const CONTROL_SPACE = 24;

/** A connected descriptor, for `new Socket({ fd })`, which closes it. Never blocks. Throws SysError (EAGAIN: the backlog is full). */
export function connectStream(path: string): number {
  const address = unixAddress(path);
  const fd = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', { path });
  try {
    check(libc.connect(fd, address, address.length), 'connect', { path });
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * Sends `text` with a copy of `descriptor` to the peer of the stream socket `fd`. Never blocks; throws SysError, EAGAIN as well when
 * only a part of the text was sent, after which the connection is of no more use.
 */
export function sendDescriptor(fd: number, text: string, descriptor: number): void {
  const data = Buffer.from(new ArrayBuffer(Buffer.byteLength(text)));
  data.write(text);
  const control = Buffer.from(new ArrayBuffer(CONTROL_SPACE));
  control.writeBigUInt64LE(BigInt(CONTROL_LENGTH), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, 16);
  const message = Buffer.from(new ArrayBuffer(MSGHDR + IOVEC));
  message.writeBigUInt64LE(addressOf(message) + BigInt(MSGHDR), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(addressOf(control), 32);
  message.writeBigUInt64LE(BigInt(CONTROL_SPACE), 40);
  message.writeBigUInt64LE(addressOf(data), MSGHDR);
  message.writeBigUInt64LE(BigInt(data.length), MSGHDR + 8);
  const sent = check(Number(libc.sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL)), 'sendmsg');
  if (sent !== data.length) throw new SysError('sendmsg', constants.errno.EAGAIN, { note: 'sent a part' });
}
