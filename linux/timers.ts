// Timers for waits of any length. Those of Node are 32 bits wide: above 2^31-1 ms (24 days) a timer fires at once, so a
// wait that a person, a peer or a configuration names must never reach one directly. test/architecture holds that.
import { abortWith } from './signals.js';

/** TIMEOUT_MAX of Node. */
export const LONGEST_MS = 2 ** 31 - 1;

export interface Timer {
  cancel(): void;
  /** Does not keep the process alive. */
  unref(): Timer;
}

/** Calls `run` once after `ms` milliseconds, however many; a wait without end never calls it. */
export function after(ms: number, run: () => void): Timer {
  // Without Math.max a NaN would be a wait without end.
  let left = ms > 0 ? ms : 0;
  let holds = true;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const step = Math.min(left, LONGEST_MS);
    left -= step;
    timer = setTimeout(left > 0 ? arm : run, step);
    if (!holds) timer.unref();
  };
  arm();
  const handle: Timer = {
    cancel: () => clearTimeout(timer),
    unref: () => {
      holds = false;
      timer.unref();
      return handle;
    },
  };
  return handle;
}

/** Calls `run` every `ms` milliseconds, at least one millisecond apart. */
export function every(ms: number, run: () => void): Timer {
  const period = ms >= 1 ? ms : 1;
  let holds = true;
  let timer: Timer;
  const arm = (): void => {
    timer = after(period, () => {
      arm();
      run();
    });
    if (!holds) timer.unref();
  };
  arm();
  const handle: Timer = {
    cancel: () => timer.cancel(),
    unref: () => {
      holds = false;
      timer.unref();
      return handle;
    },
  };
  return handle;
}

export interface PauseOptions {
  readonly signal?: AbortSignal | undefined;
  /** False: does not keep the process alive. */
  readonly ref?: boolean;
}

/** Resolves after `ms` milliseconds; rejects with the reason of the signal. */
export function pause(ms: number, { signal, ref = true }: PauseOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const timer = after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    if (!ref) timer.unref();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export interface TimeLimit {
  /** Aborts with a TimeoutError, or whatever `tooLate` gives. */
  readonly signal: AbortSignal;
  /** Gives the timer back; the signal does not abort any more. */
  done(): void;
}

export interface TimeLimitOptions {
  /** Aborts the limit too, with its own reason. */
  readonly within?: AbortSignal | undefined;
  readonly tooLate?: () => Error;
}

/**
 * For AbortSignal.timeout, which aborts at once above 2^31-1 ms and throws above 2^32-1. As there, a process that has nothing
 * else to do does not wait for it.
 */
export function timeLimit(ms: number, { within, tooLate }: TimeLimitOptions = {}): TimeLimit {
  const end = new AbortController();
  const late = (): Error => tooLate?.() ?? new DOMException(`not done within ${ms} ms`, 'TimeoutError');
  const letGo = abortWith(end, within);
  const timer = after(ms, () => {
    letGo();
    end.abort(late());
  }).unref();
  const done = (): void => {
    timer.cancel();
    letGo();
  };
  if (end.signal.aborted) done();
  else end.signal.addEventListener('abort', done, { once: true });
  return { signal: end.signal, done };
}

/** What `work` yields, or `late` once `ms` milliseconds are over. The work itself goes on, and how it ends then is nobody's. */
export async function orLate<T, L>(work: Promise<T>, ms: number, late: L): Promise<T | L> {
  let timer: Timer | undefined;
  const over = new Promise<L>((resolve) => {
    timer = after(ms, () => resolve(late));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    timer?.cancel();
  }
}
