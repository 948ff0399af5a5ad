import { writeSync } from 'node:fs';
import { EPOLLIN, EPOLLONESHOT, Epoll, PooledEpollWaiter } from '../../linux/epoll.js';
import { closeDescriptor, openPipe } from '../../linux/fd.js';

const ROOM = 64;
/** The token of the pipe that wakes the waiting thread. */
const WAKE = 0;

/**
 * Tells which pipes can be read, each once until it is armed again. One thread of libuv's pool waits for all of them. Not
 * net.Socket: that reads by itself, and what it has read is lost with the process.
 */
export class OutputWatch {
  readonly #epoll = Epoll.open();
  readonly #wake = openPipe();
  readonly #waiter = new PooledEpollWaiter(ROOM);
  readonly #onReady: (tokens: readonly number[]) => void;
  #closed = false;

  constructor(onReady: (tokens: readonly number[]) => void, onProblem: (error: unknown) => void) {
    this.#onReady = onReady;
    this.#epoll.add(this.#wake.read, { token: WAKE, events: EPOLLIN });
    this.#run().catch(onProblem);
  }

  /** `token`: 1 to 2^32-1. */
  add(fd: number, token: number): void {
    this.#epoll.add(fd, { token, events: EPOLLIN | EPOLLONESHOT });
  }

  arm(fd: number, token: number): void {
    if (this.#closed) return;
    this.#epoll.modify(fd, { token, events: EPOLLIN | EPOLLONESHOT });
  }

  /** To be called before `fd` is closed. */
  remove(fd: number): void {
    if (!this.#closed) this.#epoll.remove(fd);
  }

  /** Synchronous: a process that exits would wait for the thread for ever. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    writeSync(this.#wake.write, 'x');
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const events = await this.#waiter.wait(this.#epoll.fd);
      const tokens = events.map(({ token }) => token).filter((token) => token !== WAKE);
      if (tokens.length > 0 && !this.#closed) this.#onReady(tokens);
    }
    this.#epoll.close();
    closeDescriptor(this.#wake.read);
    closeDescriptor(this.#wake.write);
  }
}
