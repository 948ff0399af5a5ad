import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLPRI } from '../../linux/epoll.js';
import { SysError } from '../../linux/errors.js';
import { Directories } from './directories.js';
import { type PolledHandler, Poller } from './poller.js';
import { openTrigger } from './psi-trigger.js';
import type { Signals, SignalsOptions, Watch } from './types.js';

/** Opens the room and starts its thread. Throws SysError: EMFILE. */
export function openSignals(options: SignalsOptions): Signals {
  const poller = new Poller(options);
  const directories = new Directories(poller, options.onError);
  const owned = new Set<Watch>();
  let closed = false;
  const assertOpen = (op: string): void => {
    if (closed) throw new SysError(op, constants.errno.ECANCELED, { note: 'signals are closed' });
  };

  /** A descriptor of this room's own, closed with its watch. */
  const own = (fd: number, events: number, handler: (watch: Watch) => PolledHandler): Watch => {
    const watch: Watch = {
      close: () => {
        if (!owned.delete(watch)) return;
        polled.close();
        closeSync(fd);
      },
    };
    let polled: Watch;
    try {
      polled = poller.add(fd, events, handler(watch));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    owned.add(watch);
    return watch;
  };

  return {
    watch: (dir, listener) => {
      assertOpen('watch');
      return directories.watch(dir, listener);
    },
    pressure: (file, trigger, listener) => {
      assertOpen('pressure');
      // By edges: looking at a trigger takes its event away, so there is nothing to arm anew, and a descriptor whose cgroup
      // is gone stays in error.
      return own(openTrigger(file, trigger), EPOLLPRI | EPOLLET, (watch) => ({
        ready: (events) => {
          if ((events & (EPOLLERR | EPOLLHUP)) !== 0) watch.close();
          else listener();
        },
        lost: listener,
      }));
    },
    close: async () => {
      if (closed) return;
      closed = true;
      directories.close();
      for (const watch of [...owned]) watch.close();
      await poller.close();
    },
  };
}
