// The options of `berth workload update` as a JSON merge patch. Here a value only has to be of its kind; whether it is in range,
// and what goes together, the agent says.
import { BerthError } from '../../protocol/errors.js';
import { parseCores, parseRate, parseSize } from '../base/units.js';
import type { Context } from './command.js';
import { CHANGE_OPTIONS, type ChangeOption } from './table/change-options.js';

export type Patch = Record<string, unknown>;

interface Kind {
  /** What is right, for whoever wrote something else. */
  readonly rule: string;
  /** Undefined: it is something else. */
  read(text: string): unknown;
}

const whole: Kind = { rule: 'a whole number', read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined) };
const cores: Kind = { rule: 'a number of cores such as 1.5 or 500m', read: parseCores };
const size: Kind = { rule: 'a size such as 512Mi or 1G', read: parseSize };
/** As text: a number would not be short for a whole limit. */
const rate: Kind = {
  rule: 'a rate such as 100Mbit',
  read: (text) => (parseRate(text) === undefined ? undefined : text),
};
const list: Kind = {
  rule: 'a list such as 0-3,8',
  read: (text) => (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text) ? text : undefined),
};

/** `none` takes the field back to its default, but where the field always has a value. */
const FIELDS: Readonly<
  Record<Exclude<ChangeOption, 'restart' | 'label'>, readonly [field: string, kind: Kind, always?: 'always']>
> = {
  cpu: ['resources.cpu.limit', cores],
  'cpu-request': ['resources.cpu.request', cores],
  'cpu-weight': ['resources.cpu.weight', whole],
  'cpuset-cpus': ['resources.cpu.cpus', list],
  'cpuset-mems': ['resources.cpu.mems', list],
  memory: ['resources.memory.limit', size],
  'memory-request': ['resources.memory.request', size],
  'memory-high': ['resources.memory.high', size],
  swap: ['resources.memory.swap', size],
  pids: ['resources.pids', whole],
  'io-weight': ['resources.ioWeight', whole],
  'ingress-rate': ['network.bandwidth.ingress', rate],
  'egress-rate': ['network.bandwidth.egress', rate],
  priority: ['priority', whole, 'always'],
};

/** Undefined: no option asks for a change. Throws `usage`. */
export function patchOf(context: Pick<Context, 'option' | 'values'>): Patch | undefined {
  const asked = CHANGE_OPTIONS.filter(({ name }) => context.option(name) !== undefined);
  if (asked.length === 0) return undefined;
  return asked.reduce<Patch>((patch, { name }) => joined(patch, partOf(context, name)), {});
}

function partOf(context: Pick<Context, 'option' | 'values'>, name: ChangeOption): Patch {
  if (name === 'label') return { labels: Object.fromEntries(context.values(name).map(labelOf)) };
  const text = context.option(name) ?? '';
  if (name === 'restart') return { restart: restartOf(text) };
  const [field, { rule, read }, always] = FIELDS[name];
  const value = text === 'none' && always === undefined ? null : read(text);
  if (value === undefined) throw wrong(name, `${rule}${always === undefined ? ', or none' : ''}`, text);
  return field.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Patch;
}

function restartOf(text: string): Patch {
  const [, policy, most] = /^(never|on-failure|always)(?::(\d{1,4}))?$/.exec(text) ?? [];
  if (policy === undefined)
    throw wrong('restart', 'never, on-failure or always, with :N for at most N starts in a row', text);
  return { policy, maxRetries: most === undefined ? null : Number(most) };
}

function labelOf(text: string): [string, string | null] {
  const [, name = '', value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (value !== undefined) return [name, value];
  const [, gone] = /^([^=]+)-$/.exec(text) ?? [];
  if (gone === undefined) throw wrong('label', 'NAME=VALUE, or NAME- to take the label away', text);
  return [gone, null];
}

/** Two patches as one. `mergePatch` would carry the second out on the first, and take away what it sets to null. */
function joined(first: Patch, second: Patch): Patch {
  const merged = new Map(Object.entries(first));
  for (const [key, value] of Object.entries(second)) {
    const before = merged.get(key);
    merged.set(key, isPatch(before) && isPatch(value) ? joined(before, value) : value);
  }
  return Object.fromEntries(merged);
}

function isPatch(value: unknown): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(option: string, rule: string, text: string): BerthError {
  return new BerthError('usage', `--${option} must be ${rule}; it is ${JSON.stringify(text)}`);
}
