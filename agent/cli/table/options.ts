// Options that several commands share, and those that every command has.
import { ENGINE_NAMES } from '../../model/adopted.js';
import type { ArgumentDef, OptionDef } from '../command.js';

export const GLOBAL: readonly OptionDef[] = [
  { name: 'json', about: 'print one JSON document, errors included, on standard output' },
  {
    name: 'connect',
    value: 'ADDRESS',
    about: 'socket path or ws:// wss:// URL of the agent; $BERTH_CONNECT is the same (default: /run/berth/berth.sock)',
  },
  { name: 'no-color', about: 'no colours; a non-empty $NO_COLOR is the same' },
  { name: 'help', short: 'h', about: 'show help and do nothing else' },
];

export const file: OptionDef = {
  name: 'file',
  short: 'f',
  value: 'FILE',
  needed: true,
  about: 'workloads as JSON or YAML, in an array or in several documents; `-` reads standard input; may be repeated',
};
export const preempt: OptionDef = {
  name: 'preempt',
  about: 'where there is no room, workloads of a lower class or priority may be stopped for it (density.preemption)',
};

export const STATES = [
  'pending',
  'preparing',
  'starting',
  'running',
  'frozen',
  'stopping',
  'exited',
  'failed',
] as const;
export const CLASSES = ['guaranteed', 'burstable', 'besteffort'] as const;

/** Instead of ids; several of them must all hold. */
export const selection: readonly OptionDef[] = [
  {
    name: 'selector',
    short: 'l',
    value: 'SELECTOR',
    about: 'those with these labels: NAME=VALUE, NAME!=VALUE, NAME or !NAME, separated by commas',
  },
  { name: 'tenant', value: 'TENANT', about: 'those of this tenant' },
  { name: 'driver', value: 'DRIVER', about: 'those with this driver' },
  { name: 'state', value: 'STATE', about: 'those in this state', choices: STATES },
  { name: 'class', value: 'CLASS', about: 'those of this class', choices: CLASSES },
];

export const dryRun: OptionDef = { name: 'dry-run', about: 'only say what would be done' };

export const LIST_FORMATS = ['wide', 'json', 'yaml', 'id', 'name'] as const;
export const LIST_ORDERS = [
  ...(['tenant', 'id', 'driver', 'state', 'class', 'priority', 'since', 'created', 'restarts'] as const),
  ...(['cpu', 'memory'] as const),
] as const;
export const listOutput: OptionDef = {
  name: 'output',
  short: 'o',
  value: 'FORMAT',
  about: 'instead of the table; id and name (TENANT/ID) are one a line',
  choices: LIST_FORMATS,
};
export const listOrder: OptionDef = {
  name: 'sort',
  value: 'FIELD',
  about: 'order, ascending, by default of the tenant; cpu and memory by the limit',
  choices: LIST_ORDERS,
};

/** In place of the name of one. */
export const ALL_ENGINES = 'all';
export const listEngine: OptionDef = {
  name: 'engine',
  value: 'ENGINE',
  about: 'what this other engine (or all of them) runs beside berth, by name, with use/limit',
  choices: [...ENGINE_NAMES, ALL_ENGINES],
};

export const output: OptionDef = {
  name: 'output',
  short: 'o',
  value: 'FORMAT',
  about: 'how it is printed',
  choices: ['json', 'yaml'],
  fallback: 'json',
};

export const detach: OptionDef = { name: 'detach', about: 'do not wait for the outcome' };
export const timeout: OptionDef = {
  name: 'timeout',
  value: 'DURATION',
  about: 'wait at most this long, e.g. 500ms, 30s, 5m',
  fallback: '60s',
};
export const config: OptionDef = {
  name: 'config',
  value: 'FILE',
  about: 'instead of /etc/berth/berth.toml; must exist',
};

export const id: ArgumentDef = { name: 'ID', about: 'workload' };
export const ids: ArgumentDef = { name: 'ID', about: 'workloads', many: true };
/** Or a selection. */
export const someIds: ArgumentDef = { ...ids, optional: true };
