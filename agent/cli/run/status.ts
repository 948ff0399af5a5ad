import { formatSize } from '../../base/units.js';
import type { SessionView } from '../../control/scoped.js';
import { startsText } from '../../density/governor/format.js';
import type { NodeDescription } from '../../metrics/node-description.js';
import type { Condition } from '../../model/condition.js';
import type { Answer, Context } from '../command.js';
import { formatAge } from '../format.js';
import type { Cell } from '../table.js';
import { facts } from '../table.js';
import { countText } from './drain.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const node = await client.call('node.describe', {});
  const role = [['Role', sessionText(node.session)] as const];
  return { document: { node }, text: facts([...rows(node, context.host.now()), ...role], context.style) };
}

function rows(node: NodeDescription, now: number): (readonly [string, string | Cell | undefined])[] {
  const counts = Object.entries(node.workloads).filter(([, n]) => n > 0);
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  return [
    ['Node', node.name],
    ['State', { text: stateText(node), colour: !node.ready ? 'red' : node.cordoned ? 'yellow' : 'green' }],
    ['Agent', `berth ${node.version}, up ${formatAge(now - node.startedAt)}`],
    ['Host', hostText(node.host)],
    ['Boot', node.bootId],
    ['Labels', labels.join(', ')],
    ['Workloads', counts.length === 0 ? 'none' : counts.map(([name, n]) => `${n} ${name}`).join(', ')],
    ['Drivers', driverText(node.drivers)],
    ['Foreign', foreignText(node.host.foreign)],
    ['Leaked', { text: counted(node.leaked, 'object'), colour: node.leaked > 0 ? 'red' : undefined }],
    ['Pressure', pressureText(node.pressure)],
    ['Starts', startsCell(node.starts)],
    ['Conditions', conditionText(node.conditions)],
  ];
}

function stateText({ ready, cordoned, drain }: NodeDescription): string {
  const drained =
    drain === null ? [] : [drain.phase === 'drained' ? 'drained' : `${drain.phase} (${countText(drain)})`];
  return [ready ? 'ready' : 'not ready', ...(cordoned ? ['cordoned'] : []), ...drained].join(', ');
}

function sessionText({ role, tenants }: SessionView): string {
  return tenants === null ? role : `${role} of ${tenants.join(', ')}`;
}

/** The inventory is free-form and comes some time after the start: what is known of it, in one line. */
function hostText(host: NodeDescription['host']): string {
  const word = (key: string, before = ''): string => (typeof host[key] === 'string' ? `${before}${host[key]}` : '');
  const cpus = typeof host.cpus === 'number' ? counted(host.cpus, 'cpu') : '';
  const memory = typeof host.memoryBytes === 'number' ? `${formatSize(host.memoryBytes)} memory` : '';
  const parts = [word('os'), word('kernel', 'kernel '), word('arch'), `${cpus} ${word('cpuModel')}`.trim(), memory];
  return parts.filter((part) => part !== '').join(', ');
}

/** Those that can be used in one line, with how where there is a choice; the others each with its reason. */
function driverText(drivers: NodeDescription['drivers']): string {
  const usable = drivers.filter((driver) => driver.usable);
  const names = usable.map(({ name, reason }) => {
    // Of "tcg: why not kvm" the first word; the why is the doctor's.
    const [how = ''] = reason.split(':');
    return how === '' || how === 'ready' ? name : `${name} (${how})`;
  });
  const missing = drivers.filter((driver) => !driver.usable).map(({ name, reason }) => `${name} unusable: ${reason}`);
  return [names.join(', '), ...missing].filter((line) => line !== '').join('\n');
}

/** Workloads of other engines, by engine. */
function foreignText(foreign: unknown): string {
  if (typeof foreign !== 'object' || foreign === null) return '';
  const counts = Object.entries(foreign).filter(([, n]) => typeof n === 'number' && n > 0);
  return counts.map(([engine, n]) => `${n} ${engine}`).join(', ');
}

/** Scopes that are not calm, each with its level and what is done about it. */
function pressureText({ mode, scopes }: NodeDescription['pressure']): Cell {
  const watched = mode === 'enforce' ? '' : ` (pressure.mode is ${mode})`;
  if (scopes.length === 0) return { text: mode === 'off' ? 'not watched (pressure.mode is off)' : `calm${watched}` };
  const lines = scopes.map(({ scope, resource, level, forMs, some, full, applied }) => {
    const done = applied.map(({ workload, step }) => `${step} ${workload}`).join(', ');
    const stall = `some ${Math.round(some)}, full ${Math.round(full)} ms/s`;
    return `${scope}: ${resource} ${level} for ${formatAge(forMs)}, ${stall}${done === '' ? '' : `; ${done}`}`;
  });
  return {
    text: `${lines.join('\n')}${watched}`,
    colour: scopes.some(({ level }) => level === 'act') ? 'red' : 'yellow',
  };
}

export function startsCell(starts: NodeDescription['starts']): Cell {
  const { slowed, lines } = startsText(starts);
  return { text: lines.join('\n'), colour: slowed ? 'yellow' : undefined };
}

/** Errors by title, then how many of each there are: what they mean is the doctor's to say. */
function conditionText(conditions: readonly Condition[]): Cell {
  const of = (wanted: Condition['severity']) => conditions.filter(({ severity }) => severity === wanted);
  const [errors, warnings, notes] = [of('error'), of('warning'), of('info')];
  if (conditions.length === 0) return { text: 'none' };
  const counts = [
    ...(errors.length > 0 ? [counted(errors.length, 'error')] : []),
    ...(warnings.length > 0 ? [counted(warnings.length, 'warning')] : []),
    ...(notes.length > 0 ? [counted(notes.length, 'note')] : []),
  ];
  const titles = errors.map(({ title }) => `error: ${title}`);
  const colour = errors.length > 0 ? 'red' : warnings.length > 0 ? 'yellow' : undefined;
  return { text: [...titles, `${counts.join(', ')}, see berth doctor`].join('\n'), colour };
}

const counted = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
