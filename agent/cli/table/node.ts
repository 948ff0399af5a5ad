// Commands about the host as a whole.
import type { Command } from '../command.js';
import { CLASSES, detach, dryRun, selection } from './options.js';

const cordon = (verb: 'cordon' | 'uncordon', summary: string, details: readonly string[]): Command => ({
  path: ['node', verb],
  group: 'Node',
  summary,
  details,
  args: [],
  options: [],
  examples: [`berth node ${verb}`],
  load: async () => {
    const commands = await import('../run/cordon.js');
    return { run: commands[verb] };
  },
});

export const NODE_COMMANDS: readonly Command[] = [
  {
    path: ['node', 'status'],
    group: 'Node',
    summary: 'Show the state of this node in a few lines',
    details: [],
    args: [],
    options: [],
    examples: ['berth node status'],
    load: () => import('../run/status.js'),
  },
  {
    path: ['node', 'capacity'],
    group: 'Node',
    summary: 'Show what the node has, may promise and has promised',
    details: [
      'ALLOCATABLE is what may be committed: capacity less what is kept for the host, times the overcommit, or a quota. RESERVED is set aside by reservations. USED is measured, where it can be.',
      'Below it: windows of time in which other figures count, reservations, and ceilings of the kernel that are more than half used.',
      'Then what a driver needs beside its guests: as configured (drivers.DRIVER.overhead), as measured by size of VM, and which of the two a new one counts with (density.overhead).',
      'With density.prediction = "advise": what all workloads are expected to use, and for each class how much could be promised of each core and byte. KNOWN is the share of what is promised that a day of samples stands behind; below 80% berth is learning and gives no figure. Admission does not follow the advice.',
    ],
    args: [],
    options: [{ name: 'all', about: 'also dimensions of which plenty is left' }],
    examples: ['berth node capacity'],
    load: () => import('../run/capacity.js'),
  },
  {
    path: ['top'],
    group: 'Node',
    summary: 'Show live who uses what, and what waits to start',
    details: [
      'Above: cpu, memory and pressure of the whole host, how fast workloads start, and what slows them down. Below: one line a workload. CPU is cores in use of those it may use at most, MEMORY in use of its limit, both as last sampled (metrics.interval); P-CPU, P-MEM and P-IO are the share of the time in which something of it waited for a cpu, for memory, for the disk. `pending(3rd,~2s)` is third in the queue of starts, and expected to begin in two seconds.',
      'Keys: q quits; c m p r t i sort by cpu, memory, pressure, restarts, tenant, id; arrows, page up and page down scroll.',
      'When standard output is no terminal, or with --once, one frame of all workloads is printed; with --json one document.',
    ],
    args: [],
    options: [
      ...selection,
      {
        name: 'sort',
        value: 'COLUMN',
        about: 'order of the workloads',
        choices: ['cpu', 'memory', 'pressure', 'restarts', 'tenant', 'id'],
        fallback: 'cpu',
      },
      { name: 'interval', value: 'DURATION', about: 'time between two frames, 500ms or more', fallback: '2s' },
      { name: 'once', about: 'print one frame and end' },
    ],
    examples: [
      'berth top',
      'berth top --tenant acme -l app=web',
      'berth top --sort memory',
      'berth top --once | head -20',
    ],
    load: () => import('../run/top.js'),
  },
  cordon('cordon', 'Admit no more workloads; those that run stay', []),
  cordon('uncordon', 'Admit workloads again, and start what a drain has stopped', [
    'Workloads that `berth node drain` has stopped are admitted anew and start as before, the highest class and priority first. A workload that was frozen is frozen again. A workload that does not fit any more stays stopped; `berth workload show ID` shows the reason. What somebody stopped by name, before the drain or since, stays stopped.',
  ]),
  {
    path: ['node', 'drain'],
    group: 'Node',
    summary: 'Stop all workloads of this node for maintenance',
    details: [
      'Cordons the node, then stops workloads: the lowest class first, within a class the lowest priority first, at most 16 at a time. A class begins when the class below it is gone. Each workload gets its grace period, or --grace. A stopped workload stays stopped until `berth node uncordon`, also after a restart of the agent or a reboot.',
      'Prints how far the drain is and ends when nothing is left. The drain continues if you interrupt this command; `berth node uncordon` ends it, and `berth node status` shows it. Schedulers get the events node.draining, workload.evicted and node.drained.',
      'After --deadline what still runs is killed. What is left half a minute later is named, and the exit code is 1; the drain continues. A second call replaces the parameters of the current drain.',
      'CNI networks (`external.namespace`) stay: drain their containers with the container runtime, for example `kubectl drain`. Other workloads of driver external are stopped.',
    ],
    args: [],
    options: [
      ...selection.filter(({ name }) => name === 'selector' || name === 'tenant'),
      {
        name: 'keep-class',
        value: 'CLASS',
        about: 'workloads of this class and of those above it stay',
        choices: CLASSES,
      },
      {
        name: 'deadline',
        value: 'DURATION',
        about: 'kill what still runs after this time, e.g. 10m; 0s kills at once',
      },
      { name: 'grace', value: 'DURATION', about: 'time to stop, instead of that of each workload' },
      dryRun,
      detach,
    ],
    examples: ['berth node drain --dry-run', 'berth node drain --deadline 10m --keep-class guaranteed'],
    load: () => import('../run/drain.js'),
  },
  {
    path: ['node', 'reload'],
    group: 'Node',
    summary: 'Take a changed configuration without a restart',
    details: [
      'Ends when it is in force, which is what `systemctl reload berth` runs. A configuration that is not valid changes nothing and exits with 2. Sections that wait for a restart are named.',
    ],
    args: [],
    options: [],
    examples: ['berth config check && berth node reload'],
    load: () => import('../run/reload.js'),
  },
  {
    path: ['events'],
    group: 'Node',
    summary: 'Print what happened on this node',
    details: [
      'All events that are still kept, or those after a cursor or a moment. With --follow and --json each event is one line of JSON.',
      '--selector asks for the labels that a workload has now: events of deleted workloads are not among its.',
    ],
    args: [],
    options: [
      { name: 'follow', short: 'f', about: 'go on with events as they happen; without --since only with those' },
      { name: 'since', value: 'WHEN', about: 'only events after this cursor, or of the last 30s, 5m, 2h, 7d' },
      { name: 'workload', value: 'ID', about: 'those of this workload; may be repeated' },
      { name: 'type', value: 'TYPE', about: 'those of this type, e.g. workload.ended; may be repeated' },
      ...selection.filter(({ name }) => name === 'selector' || name === 'tenant'),
    ],
    examples: ['berth events --since 2h --type workload.ended', 'berth events --follow --tenant acme -l app=web'],
    load: () => import('../run/events.js'),
  },
  {
    path: ['doctor'],
    group: 'Node',
    summary: 'Check the host and say how to fix what is wrong',
    details: [
      'Asks the agent; when none answers, checks the host itself. Exit code 1 when there is an error, 0 with warnings only.',
      'With --fix the agent lifts ceilings of the kernel that are too low for density.max_workloads, live and in /etc/sysctl.d/60-berth.conf; none is ever lowered, and the old values are kept for --rollback.',
    ],
    args: [],
    options: [
      { name: 'fix', about: 'lift ceilings of the kernel' },
      { name: 'rollback', about: 'put back what --fix has changed' },
      { name: 'dry-run', about: 'with --fix: only say what would be changed' },
    ],
    examples: ['berth doctor', 'berth doctor --json', 'berth doctor --fix --dry-run'],
    load: () => import('../run/doctor.js'),
  },
  {
    path: ['cleanup'],
    group: 'Node',
    summary: 'Remove what this installation owns and nothing is attached to',
    details: [
      'What belongs to a workload or to another installation, what berth did not make, and what a process or a socket is in, is left alone.',
      'What carries no id of an installation is removed only where no other installation is known on this host.',
    ],
    args: [],
    options: [{ name: 'dry-run', about: 'only say what would be removed, what not, and why' }],
    examples: ['berth cleanup', 'berth cleanup --dry-run'],
    load: () => import('../run/cleanup.js'),
  },
];
