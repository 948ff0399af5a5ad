// A netlink socket for notifications (multicast groups), read without waiting. recvmsg(2) and not recv(2), because the
// namespace that a notification comes from is told in a control message (NETLINK_LISTEN_ALL_NSID in netlink(7)).
import { constants } from 'node:os';
import { SysError } from './errors.js';
import { addressOf, check, errno, func } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_LISTEN_ALL_NSID = 8;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const MSGHDR = 56;
const IOVEC = 16;
const CMSG_DATA = 16;
const CONTROL_BYTES = 64;
/** No notification is longer; the kernel's own (NLMSG_GOODSIZE) are at most a page. */
const RECEIVE_BYTES = 64 * 1024;

const libc = {
  socket: func('int socket(int domain, int type, int protocol)'),
  bind: func('int bind(int fd, const void *address, unsigned int length)'),
  setsockopt: func('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
  recvmsg: func('long recvmsg(int fd, void *message, int flags)'),
  close: func('int close(int fd)'),
};

/** One datagram; `data` is valid until the next one is taken. */
export interface Notification {
  readonly data: Buffer;
  /** The id that the listener's namespace has given the one it comes from; null: its own. */
  readonly nsid: number | null;
}

export interface ListenerOptions {
  readonly protocol: number;
  /** Numbers of multicast groups (RTNLGRP_*, NFNLGRP_*). */
  readonly groups: readonly number[];
  /** Also what happens in every namespace that has an id in this one (ip-netns(8), `set`). */
  readonly allNamespaces: boolean;
  /** What may wait in the kernel between two looks; taken only as far as it is needed. */
  readonly bufferBytes: number;
}

export class NetlinkListener {
  readonly #fd: number;
  readonly #data = offHeap(RECEIVE_BYTES);
  readonly #control = offHeap(CONTROL_BYTES);
  readonly #message: Buffer;
  #closed = false;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#message = messageHeader(this.#data, this.#control);
  }

  /** Opens in the calling thread's network namespace. Throws SysError; EPERM names the capability. */
  static open(options: ListenerOptions): NetlinkListener {
    const fd = check(libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, options.protocol), 'socket', { path: 'netlink' });
    const listener = new NetlinkListener(fd);
    try {
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      check(libc.bind(fd, address, address.length), 'bind', { path: 'netlink' });
      listener.#option(SOL_SOCKET, SO_RCVBUFFORCE, options.bufferBytes, 'SO_RCVBUFFORCE');
      if (options.allNamespaces) listener.#listenAll();
      for (const group of options.groups) listener.#option(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, 'group');
    } catch (error) {
      listener.close();
      throw error;
    }
    return listener;
  }

  /** The next notification, or undefined when none waits. Throws SysError; ENOBUFS: some were dropped since the last. */
  next(): Notification | undefined {
    this.#message.writeBigUInt64LE(BigInt(CONTROL_BYTES), 40);
    const length = libc.recvmsg(this.#fd, this.#message, MSG_DONTWAIT);
    if (length < 0 && errno() === constants.errno.EAGAIN) return undefined;
    check(length, 'recvmsg', { path: 'netlink' });
    // A torn one is as good as a lost one.
    if ((this.#message.readUInt32LE(48) & MSG_TRUNC) !== 0) throw new SysError('recvmsg', constants.errno.ENOBUFS);
    return { data: this.#data.subarray(0, length), nsid: this.#nsid() };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }

  // Notifications of the own namespace carry no such message; nobody asked for any other, so only one is looked at.
  #nsid(): number | null {
    if (this.#message.readBigUInt64LE(40) < CMSG_DATA + 4) return null;
    const expected =
      this.#control.readInt32LE(8) === SOL_NETLINK && this.#control.readInt32LE(12) === NETLINK_LISTEN_ALL_NSID;
    return expected ? this.#control.readInt32LE(CMSG_DATA) : null;
  }

  #listenAll(): void {
    try {
      this.#option(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1, 'NETLINK_LISTEN_ALL_NSID');
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== constants.errno.EPERM) throw error;
      const note = 'hearing of changes in other namespaces takes CAP_NET_BROADCAST';
      throw new SysError('setsockopt', constants.errno.EPERM, { path: 'NETLINK_LISTEN_ALL_NSID', note });
    }
  }

  #option(level: number, name: number, value: number, label: string): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    check(libc.setsockopt(this.#fd, level, name, bytes, bytes.length), 'setsockopt', { path: label });
  }
}

function offHeap(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

/** struct msghdr with one struct iovec behind it. */
function messageHeader(data: Buffer, control: Buffer): Buffer {
  const out = offHeap(MSGHDR + IOVEC);
  out.writeBigUInt64LE(addressOf(out) + BigInt(MSGHDR), 16);
  out.writeBigUInt64LE(1n, 24);
  out.writeBigUInt64LE(addressOf(control), 32);
  out.writeBigUInt64LE(addressOf(data), MSGHDR);
  out.writeBigUInt64LE(BigInt(data.length), MSGHDR + 8);
  return out;
}
