// Waiting for cgroup.events. The kernel sends IN_MODIFY when a key changes (cgroup-v2.rst, "Events"), which is what
// fs.watch listens for; all watches of one Node process share one inotify instance.
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { codeOf, SysError, sysErrorFrom } from '../linux/errors.js';
import { after } from '../linux/timers.js';
import { counter } from './keyed.js';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; without it only `signal` ends the wait. */
  readonly timeoutMs?: number | undefined;
}

export interface CgroupState {
  readonly populated: boolean;
  readonly frozen: boolean;
}

// inotify queues overflow and watches run out on dense hosts; then this is what still answers.
const SAFETY_POLL_MS = 500;

/** cgroup.events of the cgroup `dir`; undefined when it is gone. Throws SysError otherwise. */
export function readState(dir: string): CgroupState | undefined {
  const path = join(dir, 'cgroup.events');
  try {
    const text = readFileSync(path, 'latin1');
    return { populated: counter(text, 'populated') === 1, frozen: counter(text, 'frozen') === 1 };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}

/**
 * Resolves when `reached` says so of the state of `dir` (undefined: gone). Rejects with SysError `wait` ETIMEDOUT, or with
 * the reason of the signal.
 */
export async function waitState(
  dir: string,
  reached: (state: CgroupState | undefined) => boolean,
  options: WaitOptions = {},
): Promise<void> {
  const { signal, timeoutMs } = options;
  signal?.throwIfAborted();
  if (reached(readState(dir))) return;
  const { promise, resolve, reject } = withResolvers();
  const look = (): void => {
    try {
      if (reached(readState(dir))) resolve();
    } catch (error) {
      reject(error);
    }
  };
  const abort = (): void => reject(signal?.reason);
  const watcher = tryWatch(join(dir, 'cgroup.events'), look);
  const poll = setInterval(look, SAFETY_POLL_MS);
  const late = (): void => reject(new SysError('wait', os.errno.ETIMEDOUT, { path: dir, note: `${timeoutMs} ms` }));
  const deadline = timeoutMs === undefined ? undefined : after(timeoutMs, late);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    // The change may have come between the first look and the watch.
    look();
    await promise;
  } finally {
    watcher?.close();
    clearInterval(poll);
    deadline?.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

/** Undefined when the file is gone or no watch is left (ENOSPC): callers also poll. */
export function tryWatch(path: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

/** ENODEV: the file was open while its cgroup was removed (kernfs). */
export function isGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENODEV';
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve: () => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
