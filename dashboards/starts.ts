// The starts section: what waits for its turn, how fast turns are given, and why not faster.
import { events, graph, HOST, quantile, rate, stat, sum } from './expressions.js';
import type { PanelRow } from './panels.js';

export const starts: readonly PanelRow[] = [
  stat('Starts under way', 'Begun and not over yet.', 'short', sum('berth_starts_inflight', HOST)),
  stat('Starts that wait', 'For their turn.', 'short', sum('berth_start_queue_length', HOST)),
  stat(
    'Longest wait',
    'Of the start that has waited longest. A new workload fails after governor.max_wait; others wait on.',
    's',
    `max (berth_start_queue_oldest_seconds{${HOST}})`,
  ),
  stat(
    'Allowed starts',
    'That may begin in a second, all selected nodes together, as pressure allows.',
    'cps',
    sum('berth_start_governor_rate', HOST),
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
    'Turns',
    'What the governor said, a second, beside what it allows. Granted below allowed with a queue: the number under way is the limit, not the rate.',
    'cps',
    [
      [rate('berth_start_turns_total', HOST, 'result'), '{{result}}'],
      [sum('berth_start_governor_rate', HOST), 'allowed'],
    ],
  ),
  graph(
    'Under way',
    'Starts under way and how many may be. At the limit for long: starts hang, or governor.in_flight is low.',
    'short',
    [
      [sum('berth_starts_inflight', HOST, 'instance'), '{{instance}}'],
      [sum('berth_starts_inflight_limit', HOST, 'instance'), '{{instance}} limit'],
    ],
  ),
  graph(
    'Queue',
    'Starts that wait, by priority. It fills with a storm and empties at the allowed rate; full, new workloads are refused: send them to other hosts.',
    'short',
    [[sum('berth_start_queue_length', HOST, 'priority'), '{{priority}}']],
  ),
  graph(
    'Oldest in the queue',
    'How long the start that waits longest has waited. Rising in a straight line: nothing of its priority gets a turn.',
    's',
    [[`max by (instance) (berth_start_queue_oldest_seconds{${HOST}})`, '{{instance}}']],
  ),
  graph('Wait for a turn', 'Of starts that had their turn.', 's', [
    [quantile(0.5, 'berth_start_wait_seconds'), 'p50'],
    [quantile(0.99, 'berth_start_wait_seconds'), 'p99'],
  ]),
  graph(
    'Start duration',
    'From its turn to running, by driver. Growing with the number under way: the host is at its limit, and the governor should slow down.',
    's',
    [
      [quantile(0.5, 'berth_start_duration_seconds', 'driver'), '{{driver}} p50'],
      [quantile(0.95, 'berth_start_duration_seconds', 'driver'), '{{driver}} p95'],
    ],
  ),
  graph(
    'Slowed by',
    'Times the governor lowered the rate, by what was above its limit in section [governor]: that is what the host is short of while it starts workloads.',
    'short',
    [[events('berth_start_governor_decreases_total', HOST, 'signal'), '{{signal}}']],
  ),
];
