// epoll(7). The set is made and changed by one thread and may be waited for by another: descriptors belong to the process.
import { constants } from 'node:os';
import { closeDescriptor } from './fd.js';
import { check, errno, func, pooledFunc } from './libc.js';
import { type EpollLayout, MACHINES } from './machine.js';

const libc = {
  create: func('int epoll_create1(int flags)'),
  ctl: func('int epoll_ctl(int epfd, int op, int fd, void *event)'),
  wait: func('int epoll_wait(int epfd, void *events, int maxevents, int timeout)'),
};

export const EPOLLIN = 0x001;
export const EPOLLPRI = 0x002;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLONESHOT = 0x40000000;
export const EPOLLET = 0x80000000;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/** What became ready: the number that it was added with, and a mask of EPOLL*. */
export interface EpollEvent {
  readonly token: number;
  readonly events: number;
}

/** `arch`: as Node names it. */
export function epollLayout(arch: string = process.arch): EpollLayout {
  return MACHINES[arch === 'x64' ? 'x64' : 'arm64'].epollEvent;
}

export class Epoll {
  readonly fd: number;
  readonly #event = Buffer.alloc(16);
  readonly #layout = epollLayout();

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Throws SysError: EMFILE, ENFILE. */
  static open(): Epoll {
    return new Epoll(check(libc.create(EPOLL_CLOEXEC), 'epoll_create1'));
  }

  /** `token`: 0 to 2^32-1. Throws SysError: EPERM for a descriptor that cannot be polled, ENOSPC (max_user_watches). */
  add(fd: number, interest: EpollEvent): void {
    this.#control(EPOLL_CTL_ADD, fd, interest);
  }

  /** Also arms anew what EPOLLONESHOT has disarmed; what is ready then is told again. */
  modify(fd: number, interest: EpollEvent): void {
    this.#control(EPOLL_CTL_MOD, fd, interest);
  }

  /** To be called before `fd` is closed: a duplicate, such as one a fork holds for a moment, would keep it in the set. */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, { token: 0, events: 0 });
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  #control(op: number, fd: number, interest: EpollEvent): void {
    writeEpollEvent(this.#event, interest, this.#layout);
    check(libc.ctl(this.fd, op, fd, this.#event), 'epoll_ctl', { value: `fd ${fd}` });
  }
}

/** Waits in epoll sets, blocking the calling thread. */
export class EpollWaiter {
  readonly #layout = epollLayout();
  readonly #room: number;
  readonly #events: Buffer;

  /** `room`: how many events one call may return. */
  constructor(room: number) {
    this.#room = room;
    this.#events = Buffer.alloc(room * this.#layout.size);
  }

  /** Empty after `timeoutMs` (-1: never) and when a signal interrupted it. Throws SysError. */
  wait(epollFd: number, timeoutMs: number): EpollEvent[] {
    const count = libc.wait(epollFd, this.#events, this.#room, timeoutMs);
    if (count < 0 && errno() === constants.errno.EINTR) return [];
    return readEpollEvents(this.#events, check(count, 'epoll_wait'), this.#layout);
  }
}

/**
 * Waits in an epoll set on a thread of libuv's pool: the event loop goes on, and no thread has to be made. The process cannot
 * exit while one waits, so the set must hold a descriptor by which it can be woken.
 */
export class PooledEpollWaiter {
  readonly #layout = epollLayout();
  readonly #room: number;
  readonly #events: Buffer;
  readonly #wait = pooledFunc('int epoll_wait(int epfd, void *events, int maxevents, int timeout)');

  constructor(room: number) {
    this.#room = room;
    this.#events = Buffer.from(new ArrayBuffer(room * this.#layout.size));
  }

  /** One call at a time. Empty when a signal interrupted it. */
  async wait(epollFd: number): Promise<EpollEvent[]> {
    const count = await this.#wait(epollFd, this.#events, this.#room, -1);
    return readEpollEvents(this.#events, Math.max(0, count), this.#layout);
  }
}

/** Writes one struct epoll_event to the beginning of `buffer`. */
export function writeEpollEvent(buffer: Buffer, { token, events }: EpollEvent, layout: EpollLayout): void {
  // `|` makes a negative number of bit 31, which is EPOLLET.
  buffer.writeUInt32LE(events >>> 0, 0);
  buffer.writeUInt32LE(token, layout.dataOffset);
  buffer.writeUInt32LE(0, layout.dataOffset + 4);
}

/** The first `count` of an array of struct epoll_event. */
export function readEpollEvents(buffer: Buffer, count: number, layout: EpollLayout): EpollEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    token: buffer.readUInt32LE(index * layout.size + layout.dataOffset),
    events: buffer.readUInt32LE(index * layout.size),
  }));
}
