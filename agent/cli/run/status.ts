import type { Condition, NodeDescription } from '../../service.js';
import type { Answer, Context } from '../command.js';
import type { Colour, Style } from '../style.js';
import { clean } from '../style.js';
import type { Cell } from '../table.js';
import { facts } from '../table.js';
import { formatAge } from '../words.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const node = await client.call('node.describe', {});
  const text = facts(rows(node, context.host.now()), context.style) + conditionText(node.conditions, context.style);
  return { document: { node }, text };
}

function rows(node: NodeDescription, now: number): (readonly [string, string | Cell | undefined])[] {
  const counts = Object.entries(node.workloads).filter(([, n]) => n > 0);
  const missing = node.drivers.filter((d) => !d.usable).map((d) => `${d.name} unusable: ${d.reason}`);
  const usable = node.drivers.filter((d) => d.usable).map((d) => d.name);
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  const state = node.ready ? (node.cordoned ? 'ready, cordoned' : 'ready') : 'not ready';
  return [
    ['Node', node.name],
    ['State', { text: state, colour: !node.ready ? 'red' : node.cordoned ? 'yellow' : 'green' }],
    ['Agent', `berth ${node.version}, up ${formatAge(now - node.startedAt)}`],
    ['Host', hostText(node.host)],
    ['Boot', node.bootId],
    ['Labels', labels.join('\n')],
    ['Workloads', counts.length === 0 ? 'none' : counts.map(([name, n]) => `${n} ${name}`).join(', ')],
    ['Drivers', [...(usable.length > 0 ? [usable.join(', ')] : []), ...missing].join('\n')],
    ['Leaked', { text: `${node.leaked} objects`, colour: node.leaked > 0 ? 'red' : undefined }],
  ];
}

/** The inventory is free-form: what is a plain value there is shown, one line each. */
function hostText(host: Readonly<Record<string, unknown>>): string {
  return Object.entries(host)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '')
    .map(([name, value]) => `${name} ${value}`)
    .join('\n');
}

const SEVERITY: Readonly<Record<Condition['severity'], Colour>> = { error: 'red', warning: 'yellow', info: 'dim' };

/** `ERROR   cgroup_hybrid  title`, with why and fix below. */
export function conditionText(conditions: readonly Condition[], style: Style): string {
  return conditions
    .map(({ severity, code, title, why, fix }) => {
      const head = `${style.paint(SEVERITY[severity], severity.toUpperCase().padEnd(7))} ${clean(`${title} (${code})`)}\n`;
      const lines = [why, fix === '' ? '' : `fix: ${fix}`].filter((line) => line !== '');
      return head + lines.map((line) => `        ${clean(line, true).replaceAll('\n', '\n        ')}\n`).join('');
    })
    .join('');
}
