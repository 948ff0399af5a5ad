// Commands about the host as a whole.
import type { Command } from '../command.js';

const cordon = (verb: 'cordon' | 'uncordon', summary: string): Command => ({
  path: ['node', verb],
  group: 'Node',
  summary,
  details: [],
  args: [],
  options: [],
  examples: [`berth node ${verb}`],
  load: async () => {
    const { cordonCommand } = await import('../run/cordon.js');
    return { run: cordonCommand(verb) };
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
    details: ['ALLOCATABLE is what may be committed: capacity less the reserve, times the overcommit, or a quota.'],
    args: [],
    options: [],
    examples: ['berth node capacity'],
    load: () => import('../run/capacity.js'),
  },
  cordon('cordon', 'Admit no more workloads; those that run stay'),
  cordon('uncordon', 'Admit workloads again'),
  {
    path: ['events'],
    group: 'Node',
    summary: 'Print what happened on this node',
    details: [
      'All events that are still kept, or those after a cursor. With --follow and --json each event is one line of JSON.',
    ],
    args: [],
    options: [
      { name: 'follow', about: 'go on with events as they happen; without --since only with those' },
      { name: 'since', value: 'CURSOR', about: 'only events after this cursor' },
    ],
    examples: ['berth events --since 1200', 'berth events --follow'],
    load: () => import('../run/events.js'),
  },
  {
    path: ['doctor'],
    group: 'Node',
    summary: 'Check the host and say how to fix what is wrong',
    details: [
      'Asks the agent; when none answers, checks the host itself. Exit code 1 when there is an error, 0 with warnings only.',
    ],
    args: [],
    options: [],
    examples: ['berth doctor', 'berth doctor --json'],
    load: () => import('../run/doctor.js'),
  },
  {
    path: ['cleanup'],
    group: 'Node',
    summary: 'Remove what berth owns and nothing is attached to',
    details: ['What belongs to a workload, and what berth did not make, is left alone.'],
    args: [],
    options: [],
    examples: ['berth cleanup'],
    load: () => import('../run/cleanup.js'),
  },
];
