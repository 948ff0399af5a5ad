// The one epoll set, and the life of the thread that waits for it. Everything is made and changed here, on the thread of
// the caller; the other one only waits, so that its death loses nothing but what it had just been told.
import { Worker } from 'node:worker_threads';
import { EPOLLIN, EPOLLONESHOT, Epoll, type EpollEvent } from '../../linux/epoll.js';
import { closeDescriptor, openPipe } from '../../linux/fd.js';
import type { SignalsOptions, Watch } from './types.js';

/** What the thread is given. */
export interface ThreadData {
  readonly epollFd: number;
  readonly stopToken: number;
}

export interface PolledHandler {
  /** `events`: a mask of EPOLL*. */
  readonly ready: (events: number) => void;
  /** An event may have been lost that the kernel will not repeat. */
  readonly lost?: () => void;
}

export interface Polled extends Watch {
  /** After an event with EPOLLONESHOT. */
  rearm(): void;
}

interface Entry {
  readonly fd: number;
  readonly interest: EpollEvent;
  readonly handler: PolledHandler;
  /** False between an event with EPOLLONESHOT and `rearm`. */
  armed: boolean;
}

const STOP_TOKEN = 0;
/** A thread that cannot start must not keep the machine busy. */
const RESTART_MS = 500;
/** The thread keeps a few objects: a tenth less memory than by default, and nearly all of that is what Node itself needs. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 4, stackSizeMb: 1 };

export class Poller {
  readonly #options: SignalsOptions;
  readonly #epoll: Epoll;
  readonly #stop: { readonly read: number; readonly write: number };
  readonly #entries = new Map<number, Entry>();
  #thread: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #nextToken = STOP_TOKEN + 1;
  #closed = false;

  /** Throws SysError: EMFILE. */
  constructor(options: SignalsOptions) {
    this.#options = options;
    this.#epoll = Epoll.open();
    try {
      this.#stop = openPipe();
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
    this.#epoll.add(this.#stop.read, { token: STOP_TOKEN, events: EPOLLIN });
    // process.exit() joins the threads, and would wait for one that sits in the kernel.
    process.once('exit', this.#stopThread);
    this.#start();
  }

  /** Throws SysError: EPERM for what cannot be polled. The descriptor stays the caller's. */
  add(fd: number, events: number, handler: PolledHandler): Polled {
    const token = this.#nextToken++;
    const entry: Entry = { fd, interest: { token, events }, handler, armed: true };
    this.#epoll.add(fd, entry.interest);
    this.#entries.set(token, entry);
    return {
      rearm: () => {
        if (entry.armed || !this.#entries.has(token)) return;
        entry.armed = true;
        this.#epoll.modify(fd, entry.interest);
      },
      close: () => {
        if (this.#entries.delete(token)) this.#epoll.remove(fd);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#restart);
    process.removeListener('exit', this.#stopThread);
    this.#stopThread();
    const thread = this.#thread;
    if (thread !== undefined) await new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    this.#entries.clear();
    closeDescriptor(this.#stop.read);
    this.#epoll.close();
  }

  readonly #stopThread = (): void => closeDescriptor(this.#stop.write);

  #start(): void {
    const data: ThreadData = { epollFd: this.#epoll.fd, stopToken: STOP_TOKEN };
    const settings = { workerData: data, resourceLimits: LIMITS, trackUnmanagedFds: false };
    try {
      const { threadUrl } = this.#options;
      const thread =
        threadUrl === undefined
          ? new Worker(new URL('./epoll-thread.js', import.meta.url), settings)
          : new Worker(threadUrl, settings);
      let cause: unknown;
      thread.on('message', (events: readonly EpollEvent[]) => this.#dispatch(events));
      thread.on('error', (error) => {
        cause = error;
      });
      thread.on('exit', (code) => this.#ended(cause ?? new Error(`the epoll thread ended with code ${code}`)));
      this.#thread = thread;
    } catch (error) {
      this.#ended(error);
    }
  }

  #ended(cause: unknown): void {
    this.#thread = undefined;
    if (this.#closed) return;
    this.#restart = setTimeout(() => {
      this.#start();
      this.#lookAgain();
    }, RESTART_MS);
    this.#options.onError(cause);
  }

  #dispatch(events: readonly EpollEvent[]): void {
    if (this.#closed) return;
    for (const { token, events: mask } of events) {
      // Closed since, perhaps by the listener before.
      const entry = this.#entries.get(token);
      if (entry === undefined) continue;
      if ((entry.interest.events & EPOLLONESHOT) !== 0) entry.armed = false;
      this.#call(() => entry.handler.ready(mask));
    }
  }

  /** Arms what the dead thread was told of and this one was not; the kernel repeats what is still so. */
  #lookAgain(): void {
    for (const entry of [...this.#entries.values()]) {
      this.#call(() => {
        if (!this.#entries.has(entry.interest.token)) return;
        if (entry.armed) this.#epoll.modify(entry.fd, entry.interest);
        entry.handler.lost?.();
      });
    }
  }

  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
