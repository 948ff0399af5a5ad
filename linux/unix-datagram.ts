// Unix datagram sockets, which Node lacks (`dgram` knows udp only). Only sending, which is what sd_notify(3) and journald need.
import { closeDescriptor } from './fd.js';
import { check, func } from './libc.js';

const socket = func('int socket(int domain, int type, int protocol)');
const sendto = func(
  'long sendto(int fd, void *data, unsigned long size, int flags, void *address, unsigned int length)',
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SUN_PATH_SIZE = 108;

/** Sends datagrams to one address. */
export interface UnixDatagramSender {
  /** Never blocks; throws SysError (EAGAIN: the receiver's queue is full, ENOENT or ECONNREFUSED: nobody listens). */
  send(message: string | Buffer): void;
  close(): void;
}

/** `address` is an absolute path, or `@name` for the abstract name space. */
export function openUnixDatagram(address: string): UnixDatagramSender {
  const sockaddr = unixAddress(address);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket', { path: address });
  return {
    send(message) {
      const data = typeof message === 'string' ? Buffer.from(message) : message;
      const sent = sendto(fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL, sockaddr, sockaddr.length);
      check(sent, 'sendto', { path: address });
    },
    close() {
      closeDescriptor(fd);
    },
  };
}

/** struct sockaddr_un. An abstract name is not terminated: its length is the address length, so no byte may follow it. */
export function unixAddress(address: string): Buffer {
  const abstract = address.startsWith('@');
  if (!abstract && !address.startsWith('/')) throw new RangeError(`not a unix socket address: ${address}`);
  const path = Buffer.from(abstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > SUN_PATH_SIZE) throw new RangeError(`unix socket address is too long: ${address}`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path]);
}
