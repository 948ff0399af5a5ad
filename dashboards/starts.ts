// The starts section: what waits for its permit, how many starts settle at once, and why not more.
import { events, graph, HOST, quantile, rate, stat, sum } from './expressions.js';
import type { PanelRow } from './panels.js';

export const starts: readonly PanelRow[] = [
  stat(
    'Starts settling',
    'From their permit until the burst of their start is over.',
    'short',
    sum('berth_starts_settling', HOST),
  ),
  stat('Starts that wait', 'For their permit.', 'short', sum('berth_start_queue_length', HOST)),
  stat(
    'Longest wait',
    'Of the start that has waited longest. A new workload fails after governor.max_wait; others wait on.',
    's',
    `max (berth_start_queue_oldest_seconds{${HOST}})`,
  ),
  stat(
    'Allowed starts',
    'That may settle at once, all selected nodes together, as pressure allows.',
    'short',
    sum('berth_starts_settling_limit', HOST),
  ),
  stat(
    'Pressure',
    'The worst of memory, cpu and io on any node: 0 calm, 1 warn, 2 act.',
    'short',
    `max (berth_pressure_level{${HOST}})`,
  ),
  stat(
    'Limits left to others',
    'Limits that somebody else keeps changing; `berth doctor` (cgroup_second_writer) names them.',
    'short',
    sum('berth_limits_contested', HOST),
  ),
  graph(
    'Permits',
    'What the governor answered, a second: granted, refused because its queue is full, expired in the queue.',
    'cps',
    [[rate('berth_start_permits_total', HOST, 'result'), '{{result}}']],
  ),
  graph(
    'Settling',
    'Starts that settle and how many may. At a low limit for long: something of the host stays above its limit; at a high one: starts hang.',
    'short',
    [
      [sum('berth_starts_settling', HOST, 'instance'), '{{instance}}'],
      [sum('berth_starts_settling_limit', HOST, 'instance'), '{{instance}} limit'],
    ],
  ),
  graph(
    'Queue',
    'Starts that wait, by priority. It fills with a storm and empties as starts settle; full, new workloads are refused: send them to other hosts.',
    'short',
    [[sum('berth_start_queue_length', HOST, 'priority'), '{{priority}}']],
  ),
  graph(
    'Oldest in the queue',
    'How long the start that waits longest has waited. Rising in a straight line: nothing of its priority gets a permit.',
    's',
    [[`max by (instance) (berth_start_queue_oldest_seconds{${HOST}})`, '{{instance}}']],
  ),
  graph('Wait for a permit', 'Of starts that had their permit.', 's', [
    [quantile(0.5, 'berth_start_wait_seconds'), 'p50'],
    [quantile(0.99, 'berth_start_wait_seconds'), 'p99'],
  ]),
  graph(
    'Start duration',
    'From its permit to running, by driver. It grows with the number of starts at once, as they share the agent.',
    's',
    [
      [quantile(0.5, 'berth_start_duration_seconds', 'driver'), '{{driver}} p50'],
      [quantile(0.95, 'berth_start_duration_seconds', 'driver'), '{{driver}} p95'],
    ],
  ),
  graph(
    'Slowed by',
    'Times the governor let fewer starts settle at once, by the signal that was above its limit in section [governor]: that is what the host is short of while it starts workloads.',
    'short',
    [[events('berth_start_governor_decreases_total', HOST, 'signal'), '{{signal}}']],
  ),
];
