// How late the main loop comes to a timer. That of prom-client wakes a process that has nothing to do a hundred times a second.
import { createHistogram } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { every } from '../../../linux/timers.js';
import type { Collectors } from '../collectors.js';

/** Of all times at which a timer might have been due, a sample: one that was due within a block of the loop tells how long it waited. */
const PERIOD_MS = 100;
// Not a name: test/dashboards looks for those in the sources.
const PREFIX = 'nodejs_eventloop_lag';
const OF_PROM_CLIENT = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99'];

/** In place of those of prom-client, which `registry` has. Each scrape begins anew. */
export function addLoopLag(c: Collectors, registry: Registry): void {
  for (const of of OF_PROM_CLIENT) registry.removeSingleMetric(`berth_${PREFIX}${of}_seconds`);
  const lags = createHistogram();
  let due = performance.now() + PERIOD_MS;
  every(PERIOD_MS, () => {
    const now = performance.now();
    lags.record(Math.max(1, Math.round((now - due) * 1e6)));
    due = now + PERIOD_MS;
  }).unref();
  const seconds = { mean: 0, max: 0, p50: 0, p90: 0, p99: 0 };
  const take = (): void => {
    if (lags.count === 0) return;
    const [p50, p90, p99] = [50, 90, 99].map((share) => lags.percentile(share) / 1e9) as [number, number, number];
    Object.assign(seconds, { mean: lags.mean / 1e9, max: lags.max / 1e9, p50, p90, p99 });
    lags.reset();
  };
  const gauge = (of: keyof typeof seconds, help: string, before: () => void = () => undefined): void =>
    c.gauge(`berth_${PREFIX}_${of}_seconds`, help, [], () => {
      before();
      return [[{}, seconds[of]]];
    });
  // The first of them: families are collected in the order in which they were added.
  gauge('mean', 'How late the main loop came to a timer since the last scrape, on average.', take);
  gauge('max', 'The latest that it came.');
  gauge('p50', 'Half of the timers waited no longer.');
  gauge('p90', 'Nine of ten timers waited no longer.');
  gauge('p99', 'All but one of a hundred timers waited no longer.');
}
