// How long the main loop stood still while something ran, seen twice: by Node's histogram and by a timer of our own. What
// a thread waits for a cpu is not its fault, nor is what an idle process suffers in the same moment.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const INTERVAL_MS = 1;
/** Shorter ones are the jitter of timers. */
const STALL_MS = 2;

/**
 * The loop did not run for `length` milliseconds until `end` (of the epoch, for all processes alike); for `waited` of them
 * the thread was ready and had no cpu.
 */
export interface Stall {
  readonly end: number;
  readonly length: number;
  readonly waited: number;
}

/** What was seen of one loop. `histogram`: the longest stall as Node saw it. */
export interface Seen {
  readonly stalls: readonly Stall[];
  readonly histogram: number;
}

/** Watches this thread's loop until `stop`. */
export function watchLoop(): { stop(): Seen } {
  const histogram = monitorEventLoopDelay({ resolution: INTERVAL_MS });
  const stalls: Stall[] = [];
  let [last, lastWaited] = [performance.now(), cpuWait()];
  const look = () => {
    const [now, waited] = [performance.now(), cpuWait()];
    const length = now - last - INTERVAL_MS;
    if (length >= STALL_MS) stalls.push({ end: performance.timeOrigin + now, length, waited: waited - lastWaited });
    [last, lastWaited] = [now, waited];
  };
  const timer = setInterval(look, INTERVAL_MS);
  histogram.enable();
  return {
    stop() {
      // One that lasts until now has not been seen by the timer yet.
      look();
      histogram.disable();
      clearInterval(timer);
      return { stalls, histogram: Math.max(0, histogram.max / 1e6 - INTERVAL_MS) };
    },
  };
}

/** Starts an idle process that watches its own loop until `stop`; asked again it says the same. */
export async function watchIdleProcess(): Promise<{ stop(): Promise<Seen> }> {
  const child = fork(new URL('./idle.js', import.meta.url), { stdio: 'ignore' });
  await once(child, 'message');
  let seen: Promise<Seen> | undefined;
  const ask = async (): Promise<Seen> => {
    const answered = once(child, 'message');
    child.send('stop');
    return (await answered)[0];
  };
  return {
    stop() {
      seen ??= ask();
      return seen;
    },
  };
}

export function longest(stalls: readonly Stall[]): number {
  return Math.max(0, ...stalls.map(({ length }) => length));
}

/** What is left of our stalls without the wait for a cpu, or without what an idle process had in the same moments. */
export function ownShare(ours: readonly Stall[], idle: readonly Stall[]): Stall[] {
  return ours.map(({ end, length, waited }) => {
    const common = idle.map((other) => overlap(end - length, end, other.end - other.length, other.end));
    const shared = common.reduce((sum, value) => sum + value, 0);
    return { end, length: Math.max(0, length - Math.max(waited, shared)), waited: 0 };
  });
}

function overlap(begin: number, end: number, otherBegin: number, otherEnd: number): number {
  return Math.max(0, Math.min(end, otherEnd) - Math.max(begin, otherBegin));
}

/** Milliseconds that the main thread has waited for a cpu so far (proc_pid_schedstat(5)); 0 on a kernel that does not tell. */
function cpuWait(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
