// The face of this room.
import type { CgroupEvents } from '../events.js';

export interface SignalsOptions {
  /**
   * Told of deaths of the thread (it is started again, and everything is looked at once), of counters that could not be
   * read, and of what listeners throw. Nothing of it needs an action.
   */
  readonly onError: (error: unknown) => void;
  /** Where the thread's code lies; by default `epoll-thread.js` beside this module or bundle. */
  readonly threadUrl?: URL;
}

/**
 * All listeners are called on the thread that made this, never from within the call that made the watch. It keeps the
 * process alive until it is closed.
 */
export interface Signals {
  /**
   * A cgroup: an inotify watch on its directory, one on its parent shared by all children, and up to three descriptors.
   * Throws SysError: ENOENT when there is no such cgroup; ENOSPC (fs.inotify.max_user_watches), EMFILE
   * (fs.inotify.max_user_instances or descriptors): then the caller has to look each interval (`readEvents`).
   */
  watch(dir: string, listener: (signal: CgroupSignal) => void): CgroupWatch;

  /**
   * Told when tasks have stalled for `stallUsec` within `windowUsec`, at most once for each window. `file`: a
   * `*.pressure` of a cgroup, or of /proc/pressure. Falls silent when its cgroup goes, which `watch` tells. A call too many
   * is possible. Throws SysError: ENOENT; EOPNOTSUPP where the kernel was booted with psi=0; EINVAL: see PsiTrigger.
   */
  pressure(file: string, trigger: PsiTrigger, listener: () => void): Watch;

  /** Ends all watches and the thread. */
  close(): Promise<void>;
}

/**
 * - `events`: counters have changed. Changes within 10 ms are told once; the kernel itself holds back for as long.
 * - `written`: somebody, perhaps this process, wrote to this file of the cgroup with write(2).
 * - `lost`: the kernel's queue was full or the thread died. What was written meanwhile is not known; counters that changed
 *   have been told before.
 * - `gone`: the cgroup was removed. The last call; the watch is closed.
 */
export type CgroupSignal =
  | { readonly kind: 'events'; readonly events: CgroupEvents }
  | { readonly kind: 'written'; readonly file: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' };

/**
 * Documentation/accounting/psi.rst. The window is 500 ms to 10 s, and the kernel looks ten times in each. Without
 * CAP_SYS_RESOURCE it must be a multiple of 2 s, and the kernel looks every 2 s only.
 */
export interface PsiTrigger {
  readonly kind: 'some' | 'full';
  readonly stallUsec: number;
  readonly windowUsec: number;
}

export interface Watch {
  /** Repeatable. The listener is not called any more. */
  close(): void;
}

export interface CgroupWatch extends Watch {
  /** As last read: at first when the watch was in place, so that no change lies between this and the first signal. */
  readonly events: CgroupEvents;
}
