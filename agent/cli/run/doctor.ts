import { BerthError } from '../../../protocol/errors.js';
import type { Setting } from '../../density/tuner.js';
import type { Condition } from '../../model/condition.js';
import type { Answer, Context } from '../command.js';
import type { Colour, Style } from '../style.js';
import { clean } from '../style.js';
import { type Column, table } from '../table.js';

export async function run(context: Context): Promise<Answer> {
  if (context.flag('fix') || context.flag('rollback')) return tune(context);
  const { conditions, source, why } = await ask(context);
  const rank: Readonly<Record<Condition['severity'], number>> = { error: 0, warning: 1, info: 2 };
  const sorted = [...conditions].sort((a, b) => rank[a.severity] - rank[b.severity]);
  const count = (severity: Condition['severity']) => conditions.filter((c) => c.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const from = source === 'agent' ? '' : `No agent answers (${why}); this host was checked without one.\n`;
  const total = `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`;
  return {
    document: { source, conditions: sorted },
    text: `${from}${conditionText(sorted, context.style)}${total}`,
    exit: errors > 0 ? 1 : 0,
  };
}

async function tune(context: Context): Promise<Answer> {
  if (context.flag('fix') && context.flag('rollback'))
    throw new BerthError('usage', '--fix and --rollback do not go together');
  const dry = context.flag('dry-run');
  if (dry && context.flag('rollback')) throw new BerthError('usage', '--dry-run goes with --fix');
  const action = context.flag('rollback') ? 'rollback' : dry ? 'plan' : 'fix';
  const client = await context.client();
  const { settings } = await client.call('node.tune', { action });
  const failed = settings.some(({ problem }) => problem !== undefined);
  const nothing = action === 'rollback' ? 'nothing was changed\n' : 'no ceiling is too low\n';
  const text = settings.length === 0 ? nothing : table(SETTINGS, settings, context.style);
  return { document: { action, settings }, text, exit: failed && action === 'fix' ? 1 : 0 };
}

const SETTINGS: readonly Column<Setting>[] = [
  { title: 'KEY', cell: ({ key }) => key },
  { title: 'BEFORE', right: true, cell: ({ before }) => String(before) },
  { title: 'WANTED', right: true, cell: ({ after }) => String(after) },
  {
    title: 'NOW',
    right: true,
    cell: ({ after, now }) => ({ text: String(now), colour: now === after ? 'green' : undefined }),
  },
  { title: 'PROBLEM', cell: ({ problem = '' }) => ({ text: problem, colour: 'red' }) },
];

async function ask(
  context: Context,
): Promise<{ conditions: readonly Condition[]; source: 'agent' | 'host'; why: string }> {
  try {
    const client = await context.client();
    return { ...(await client.call('node.doctor', {})), source: 'agent', why: '' };
  } catch (error) {
    // An agent that was asked for by URL may be that of another host.
    const elsewhere = /^wss?:/.test(context.address);
    if (elsewhere || !(error instanceof BerthError) || error.code !== 'cannot_connect') throw error;
    return { conditions: await context.host.checkHost(), source: 'host', why: error.message };
  }
}

const SEVERITY: Readonly<Record<Condition['severity'], Colour>> = { error: 'red', warning: 'yellow', info: 'dim' };

/** `ERROR   title (cgroup_hybrid)`, with why and fix below. */
function conditionText(conditions: readonly Condition[], style: Style): string {
  return conditions
    .map(({ severity, code, title, why, fix }) => {
      const head = `${style.paint(SEVERITY[severity], severity.toUpperCase().padEnd(7))} ${clean(`${title} (${code})`)}\n`;
      const lines = [why, fix === '' ? '' : `fix: ${fix}`].filter((line) => line !== '');
      return head + lines.map((line) => `        ${clean(line, true).replaceAll('\n', '\n        ')}\n`).join('');
    })
    .join('');
}
