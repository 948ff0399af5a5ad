import { BerthError } from '../../errors.js';
import type { Condition } from '../../service.js';
import type { Answer, Context } from '../command.js';
import type { Colour, Style } from '../style.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
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
