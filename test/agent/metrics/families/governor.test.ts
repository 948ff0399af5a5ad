import test from 'ava';
import { Registry } from 'prom-client';
import { Collectors } from '../../../../agent/metrics/collectors.js';
import { addGovernorFamilies } from '../../../../agent/metrics/families/governor.js';
import { newGovernor } from '../../density/governor/fixture.js';

test('the queue, what settles and the waits are on the page, every word of a label always', async (t) => {
  const { governor, clock, waits, ask } = newGovernor({ max_settling: 1 });
  const registry = new Registry();
  const metrics = addGovernorFamilies(new Collectors(registry), registry, () => governor.status());
  for (const [at, priority] of [100, 0, 99, 100, 499, 500, 1000].entries()) ask(`w${at}`, { priority });
  await clock.runUntil(1500);
  for (const seconds of waits) metrics.waited(seconds);
  const lines = (await registry.metrics()).split('\n');
  for (const line of [
    'berth_starts_settling 1',
    'berth_starts_settling_limit 1',
    'berth_start_queue_length{priority="high"} 2',
    'berth_start_queue_length{priority="normal"} 2',
    'berth_start_queue_length{priority="low"} 2',
    'berth_start_queue_oldest_seconds 1.5',
    'berth_start_permits_total{result="granted"} 1',
    'berth_start_permits_total{result="refused"} 0',
    'berth_start_permits_total{result="expired"} 0',
    'berth_start_governor_decreases_total{signal="memory"} 0',
    'berth_start_wait_seconds_bucket{le="0.001"} 1',
    'berth_start_wait_seconds_count 1',
  ])
    t.true(
      lines.includes(line),
      `${line}\n${lines.filter((l) => l.startsWith(line.split(/[{ ]/)[0] ?? '')).join('\n')}`,
    );
});
