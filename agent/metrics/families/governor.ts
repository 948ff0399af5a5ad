// Families of the start governor.
import { Histogram, type Registry } from 'prom-client';
import type { GovernorStatus } from '../../density/governor/types.js';
import type { Collectors } from '../collectors.js';

/** A label has few values: priorities are 0-1000, these are three. */
const PRIORITIES = [
  { priority: 'high', from: 500 },
  { priority: 'normal', from: 100 },
  { priority: 'low', from: 0 },
] as const;

export interface GovernorMetrics {
  waited(seconds: number): void;
}

export function addGovernorFamilies(c: Collectors, registry: Registry, status: () => GovernorStatus): GovernorMetrics {
  c.gauge('berth_starts_settling', 'Starts from their permit until the burst of their start is over.', [], () => [
    [{}, status().settling],
  ]);
  c.gauge('berth_starts_settling_limit', 'Starts that may settle at once, as the host allows.', [], () => [
    [{}, status().bound],
  ]);
  const help = 'Starts that wait for their permit; priority: low below 100, normal, high from 500.';
  c.gauge('berth_start_queue_length', help, ['priority'], () => {
    const { byPriority } = status();
    return PRIORITIES.map(({ priority, from }, at) => {
      const below = PRIORITIES[at - 1]?.from ?? Number.POSITIVE_INFINITY;
      const within = byPriority.filter((band) => band.priority >= from && band.priority < below);
      return [{ priority }, within.reduce((sum, { queued }) => sum + queued, 0)] as const;
    });
  });
  c.gauge('berth_start_queue_oldest_seconds', 'How long the start that waits longest has waited.', [], () => [
    [{}, status().oldestWaitMs / 1000],
  ]);
  const what = 'Starts by the answer of the governor: granted, refused with a full queue, expired in it.';
  c.counter('berth_start_permits_total', what, ['result'], () => {
    const { granted, refused, expired } = status().totals;
    return Object.entries({ granted, refused, expired }).map(([result, count]) => [{ result }, count] as const);
  });
  c.counter(
    'berth_start_governor_decreases_total',
    'Times fewer starts could settle at once, by the signal that was above its limit.',
    ['signal'],
    () => Object.entries(status().totals.decreases).map(([signal, count]) => [{ signal }, count] as const),
  );
  const waits = new Histogram({
    name: 'berth_start_wait_seconds',
    help: 'Time from asking for a permit to having it.',
    buckets: [0.001, 0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    registers: [registry],
  });
  return { waited: (seconds) => waits.observe(seconds) };
}
