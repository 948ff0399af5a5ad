// The sections of pressure and of limits: what the ladder does, and who is killed, held back or refused by its limits.
import { EACH, events, graph, HOST, rate, sum, top, WORKLOAD } from './expressions.js';
import type { PanelRow } from './panels.js';

const BY = 'tenant, workload';
/** Limits are counted by their file, networks by a plain word. */
const FILES = `${HOST},kind=~".+[.].+"`;

export const pressure: readonly PanelRow[] = [
  graph(
    'Pressure of hosts',
    '0 calm, 1 warn, 2 act: at 2 the ladder takes steps. `berth node status` has the figures and what is being done.',
    'short',
    [[`max by (instance, resource) (berth_pressure_level{${HOST}})`, '{{instance}} {{resource}}']],
  ),
  graph(
    'Hosts wait',
    'Share of time in which some task of the host waited for a resource, or all of them did (full): what the level follows, in figures. cpu at 100 % with workloads below their limits: too much is promised.',
    'percentunit',
    [
      [
        rate('berth_host_pressure_seconds_total', HOST, 'instance, resource, kind'),
        '{{instance}} {{resource}} {{kind}}',
      ],
    ],
  ),
  graph(
    'Scopes under pressure',
    'Hosts, tenants and workloads that are not calm. Single workloads at act have too small a limit; many at once: the host is overcommitted.',
    'short',
    [[sum('berth_pressure_scopes', HOST, 'level'), '{{level}}']],
  ),
  graph(
    'Steps of the ladder',
    'What was done to workloads, up (suppress to kill) and back (release, deflate, thaw). In a dry run only told: `berth events` has each with its figures.',
    'short',
    [[events('berth_pressure_actions_total', HOST, 'action, dry_run'), '{{action}}, dry run: {{dry_run}}']],
  ),
  graph(
    'Futile reclaim',
    'Cgroups found stalled at memory.high with nothing to reclaim, and freed. Take resources.memory.high out of their specs, or allow swap.',
    'short',
    [[events('berth_futile_reclaim_total', HOST, 'instance'), '{{instance}}']],
  ),
  graph('Some wait', 'Share of time in which some task waited for a resource, the 20 largest.', 'percentunit', [
    [
      top(rate('berth_workload_pressure_seconds_total', `${WORKLOAD},kind="some"`, `${BY}, resource`)),
      `${EACH} {{resource}}`,
    ],
  ]),
  graph(
    'All wait',
    'Share of time in which every task of a workload waited: nothing got done. For memory above 10 % it needs more of it.',
    'percentunit',
    [
      [
        top(rate('berth_workload_pressure_seconds_total', `${WORKLOAD},kind="full"`, `${BY}, resource`)),
        `${EACH} {{resource}}`,
      ],
    ],
  ),
];

export const limits: readonly PanelRow[] = [
  graph(
    'Kills',
    'Processes killed unasked: at their own or their tenant’s limit, for want of memory of the host, or by the ladder. `berth workload show ID` has each with its figures.',
    'short',
    [[events('berth_kills_total', HOST, 'cause, actor'), '{{cause}} by {{actor}}']],
  ),
  graph('Memory events', 'Reclaim at the limit, failed allocations and kills.', 'short', [
    [events('berth_workload_memory_events_total', WORKLOAD, 'event'), '{{event}}'],
  ]),
  graph(
    'Kills inside workloads',
    'Processes that the kernel killed in a cgroup while the workload went on, the 20 most. Raise the limit or find what grows.',
    'short',
    [[top(events('berth_workload_memory_events_total', `${WORKLOAD},event="oom_kill"`, BY)), EACH]],
  ),
  graph(
    'Throttling',
    'Share of runnable periods in which the limit held a workload back, the 20 largest.',
    'percentunit',
    [
      [
        top(
          `${rate('berth_workload_cpu_throttled_periods_total', WORKLOAD, BY)} / (${rate('berth_workload_cpu_periods_total', WORKLOAD, BY)} > 0)`,
        ),
        EACH,
      ],
    ],
  ),
  graph('Throttled time', 'Seconds held back a second, summed over processors, the 20 largest.', 'short', [
    [top(rate('berth_workload_cpu_throttled_seconds_total', WORKLOAD, BY)), EACH],
  ]),
  graph(
    'Burst',
    'Cores used above the limit out of what was saved up, the 20 largest. Throttled without any: give resources.cpu.burst.',
    'short',
    [[top(rate('berth_workload_cpu_burst_seconds_total', WORKLOAD, BY)), EACH]],
  ),
  graph(
    'Processes in proportion to the limit',
    'The 20 closest to resources.pids; without a limit 0. At 100 % forks fail.',
    'percentunit',
    [[top(`berth_workload_pids{${WORKLOAD}} / berth_workload_pids_limit{${WORKLOAD}}`), EACH]],
  ),
  graph('Refused forks', 'Forks refused because of resources.pids, the 20 most.', 'short', [
    [top(events('berth_workload_pids_refused_total', WORKLOAD, BY)), EACH],
  ]),
  graph(
    'Limits changed by others',
    'Changes of cgroup files by somebody else, and those put back. Steady: two writers fight; `berth events` names file and values.',
    'short',
    [
      [`${events('berth_external_changes_total', FILES)} or vector(0)`, 'changed'],
      [`${events('berth_drift_repairs_total', FILES)} or vector(0)`, 'put back'],
    ],
  ),
];
