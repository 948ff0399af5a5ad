import test from 'ava';
import { Registry } from 'prom-client';
import { Collectors } from '../../../../agent/metrics/collectors.js';
import { addLoopLag } from '../../../../agent/metrics/families/loop-lag.js';
import { pause } from '../../../../linux/timers.js';

const BLOCK_MS = 300;

test('a block of the loop is in the figures of the scrape after it, and not in those of the next', async (t) => {
  const registry = new Registry();
  addLoopLag(new Collectors(registry), registry);
  const value = async (of: string): Promise<number> => {
    const found = /^berth_nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await registry.metrics());
    t.true(found !== null, of);
    return Number(found?.[1]);
  };
  const until = performance.now() + BLOCK_MS;
  while (performance.now() < until) Atomics.load(new Int32Array(1), 0);
  // The timer that was due within the block comes after it.
  await pause(1);
  const blocked = await value('blocked');
  t.true(blocked >= (BLOCK_MS - 100) / 2000, String(blocked));
  while ((await value('again')) === blocked) await pause(50);
});
