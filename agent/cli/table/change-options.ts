// Options of `berth workload update`: the words of docker update and kubectl, each for one field of the specification.
// What is written behind them is read in cli/change-flags.ts.
import type { OptionDef } from '../command.js';

export const CHANGE_OPTIONS = [
  { name: 'cpu', value: 'CORES', about: 'cores at most, e.g. 1.5 or 500m; none: no limit' },
  { name: 'cpu-request', value: 'CORES', about: 'cores promised; none: nothing' },
  { name: 'cpu-weight', value: 'N', about: 'share of a busy cpu, 1 to 10000; none: by the request' },
  { name: 'cpuset-cpus', value: 'LIST', about: 'cpus it may run on, e.g. 0-3,8; none: all' },
  { name: 'cpuset-mems', value: 'LIST', about: 'memory nodes it may use; none: all' },
  { name: 'memory', short: 'm', value: 'SIZE', about: 'memory at most, e.g. 512Mi; none: no limit' },
  { name: 'memory-request', value: 'SIZE', about: 'memory promised; none: nothing' },
  { name: 'memory-high', value: 'SIZE', about: 'memory above which it is slowed down; none: no such limit' },
  { name: 'swap', value: 'SIZE', about: 'swap at most, beside the memory; none: as the node has it' },
  { name: 'pids', value: 'N', about: 'processes and threads at most; none: no limit' },
  { name: 'io-weight', value: 'N', about: 'share of a busy disk, 1 to 10000; none: the usual' },
  { name: 'ingress-rate', value: 'RATE', about: 'traffic towards it at most, e.g. 100Mbit; none: no limit' },
  { name: 'egress-rate', value: 'RATE', about: 'traffic from it at most; none: no limit' },
  { name: 'priority', value: 'N', about: 'of its starts and evictions, 0 to 1000' },
  {
    name: 'restart',
    value: 'POLICY',
    about: 'never, on-failure or always, with :N for at most N starts in a row, e.g. on-failure:5',
  },
  { name: 'label', value: 'NAME=VALUE', about: 'set a label, or with NAME- take it away; may be repeated' },
] as const satisfies readonly OptionDef[];

export type ChangeOption = (typeof CHANGE_OPTIONS)[number]['name'];
