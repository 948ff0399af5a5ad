// Entry of the thread that waits; loaded by URL, never imported. It makes nothing and knows nothing: it says which
// descriptors are ready, and ends when the one of `stopToken` is.
import { parentPort, workerData } from 'node:worker_threads';
import { EpollWaiter } from '../../linux/epoll.js';
import type { ThreadData } from './poller.js';

const EVENTS_AT_ONCE = 64;
/** Whoever asks something of this thread (worker.terminate, a diagnostic report) has to wait until it looks up. */
const LOOK_UP_MS = 10_000;

function run({ epollFd, stopToken }: ThreadData): void {
  const waiter = new EpollWaiter(EVENTS_AT_ONCE);
  for (;;) {
    const events = waiter.wait(epollFd, LOOK_UP_MS);
    if (events.some(({ token }) => token === stopToken)) return;
    if (events.length > 0) parentPort?.postMessage(events);
  }
}

run(workerData);
