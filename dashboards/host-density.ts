// The dashboard of hosts: whether they are well, what they hold and may hold, what their workloads use, and how the
// agent itself does.
import { agent } from './agent.js';
import { events, graph, HOST, rate, stat, sum } from './expressions.js';
import { kernel, ledger } from './ledger.js';
import { network } from './network.js';
import type { DashboardTable, PanelRow } from './panels.js';
import { vms } from './vms.js';
import { workloads } from './workloads.js';

const host: readonly PanelRow[] = [
  stat('Ready', 'Whether every selected node takes workloads.', 'bool_yes_no', `min (berth_node_ready{${HOST}})`, 3),
  stat('Cordoned', 'Nodes closed to new workloads by somebody.', 'short', sum('berth_node_cordoned', HOST), 3),
  stat('Running', 'Workloads running now.', 'short', sum('berth_workloads', `${HOST},state="running"`), 3),
  stat(
    'Failed',
    'Workloads that gave up. `berth workload list --state failed` names them.',
    'short',
    `${sum('berth_workloads', `${HOST},state="failed"`)} or vector(0)`,
    3,
  ),
  stat(
    'Fullest dimension',
    'Of all dimensions of the ledger, the share that is committed of the scarcest one.',
    'percentunit',
    `max (berth_committed{${HOST},scope="host"} / berth_allocatable{${HOST},scope="host"})`,
    3,
  ),
  stat(
    'Leaked objects',
    'Kernel objects without a workload; must be 0.',
    'short',
    sum('berth_leaked_objects', HOST),
    3,
  ),
  stat(
    'Conditions',
    'Findings of `berth doctor` that stand.',
    'short',
    `count (berth_health_condition{${HOST}}) or vector(0)`,
    3,
  ),
  stat('Nodes', 'Agents selected.', 'short', `count (berth_build_info{${HOST}})`, 3),
  graph('Workloads by state', 'All workloads of the selected nodes.', 'short', [
    [sum('berth_workloads', HOST, 'state'), '{{state}}'],
  ]),
  graph(
    'Conditions by code',
    'Which findings stand, and since when. `berth doctor` on the host says why and how to put each right.',
    'short',
    [[`count by (code, severity) (berth_health_condition{${HOST}})`, '{{severity}}: {{code}}']],
  ),
  graph(
    'Cordoned and drained nodes',
    'Nodes that take no workloads, and those of them whose workloads have stopped.',
    'short',
    [
      [sum('berth_node_cordoned', HOST), 'cordoned'],
      [sum('berth_node_draining', HOST), 'drained'],
    ],
  ),
  graph('Usable drivers', 'Nodes on which a driver can run workloads; `berth node status` says why not.', 'short', [
    [sum('berth_driver_usable', HOST, 'driver'), '{{driver}}'],
  ]),
  graph(
    'Leaked and reaped objects',
    'Orphans found, what may be of others and is left alone, and removals of orphans a second.',
    'short',
    [
      [sum('berth_leaked_objects', HOST, 'kind'), 'leaked: {{kind}}'],
      [sum('berth_foreign_objects', HOST, 'kind, whose'), 'left alone: {{kind}} ({{whose}})'],
      [rate('berth_reaped_objects_total', HOST, 'kind'), 'reaped a second: {{kind}}'],
    ],
  ),
  graph(
    'Cgroups that stay',
    'Ended ones that cannot be removed: look for processes in them. Dying ones are held by page cache and go with time.',
    'short',
    [
      [sum('berth_cgroup_leaks', HOST, 'instance'), '{{instance}} cannot be removed'],
      [sum('berth_cgroup_dying_descendants', HOST, 'instance'), '{{instance}} dying'],
    ],
  ),
  graph(
    'Other engines',
    'Whether each answers, and the workloads that it runs; `berth engine list` on the host.',
    'short',
    [
      [sum('berth_engine_up', HOST, 'engine'), '{{engine}} answers'],
      [sum('berth_adopted_workloads', HOST, 'engine'), '{{engine}} workloads'],
    ],
  ),
  graph('Memory of other engines', 'Charged memory of their workloads, page cache included.', 'bytes', [
    [sum('berth_adopted_memory_bytes', HOST, 'engine'), '{{engine}}'],
  ]),
  graph('Processor time of other engines', 'Cores used by their workloads.', 'short', [
    [rate('berth_adopted_cpu_seconds_total', HOST, 'engine'), '{{engine}}'],
  ]),
  graph('Ends of other engines by cause', 'Workloads of other engines that ended, on the selected nodes.', 'short', [
    [events('berth_adopted_ends_total', HOST, 'engine, cause'), '{{engine}} {{cause}}'],
  ]),
  graph('Ends by cause', 'Processes of workloads that ended, on the selected nodes.', 'short', [
    [events('berth_ends_total', HOST, 'cause'), '{{cause}}'],
  ]),
];

export const HOST_DENSITY: DashboardTable = {
  uid: 'berth-host',
  title: 'berth / Host density',
  description: 'Capacity, workloads and health of hosts that run the berth node agent.',
  anchor: 'berth_build_info',
  variables: [
    { name: 'tenant', label: 'Tenant', from: 'berth_workload_info' },
    { name: 'workload', label: 'Workload', from: 'berth_workload_info' },
  ],
  sections: [
    { title: 'Host', panels: host },
    { title: 'Ledger', panels: ledger },
    { title: 'Limits of the kernel, and cpus', panels: kernel },
    { title: 'Workloads', panels: workloads },
    { title: 'Virtual machines', panels: vms },
    { title: 'Network', panels: network },
    { title: 'Agent', panels: agent },
  ],
};
