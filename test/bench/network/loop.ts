// How long the main loop stood still while something ran, seen twice: by Node's histogram and by a timer of our own.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const INTERVAL_MS = 1;

/** Watches the loop until `stop`, which returns the longest stall in milliseconds as each of the two saw it. */
export function watchLoop(): { stop(): { readonly histogram: number; readonly timer: number } } {
  const histogram = monitorEventLoopDelay({ resolution: INTERVAL_MS });
  let last = performance.now();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - INTERVAL_MS);
    last = now;
  }, INTERVAL_MS);
  histogram.enable();
  return {
    stop() {
      histogram.disable();
      clearInterval(timer);
      return { histogram: Math.max(0, histogram.max / 1e6 - INTERVAL_MS), timer: worst };
    },
  };
}
