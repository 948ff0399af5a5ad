// A thread that dies of the first event: it has taken it from the kernel and told nobody. The one after it works.
import { workerData } from 'node:worker_threads';
import { EpollWaiter } from '../../../linux/epoll.js';

if (process.env.BERTH_TEST_THREAD_DIED === 'yes') {
  await import('../../../cgroups/signals/epoll-thread.js');
} else {
  new EpollWaiter(64).wait(workerData.epollFd, -1);
  throw new Error('died of the first event');
}
