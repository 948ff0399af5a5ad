// `berth node drain`: asks for it, and shows how far it is. The agent does it by itself: an end of this command ends no drain.
import { defined } from '../../../linux/defined.js';
import { pause } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import { parseDuration } from '../../base/units.js';
import type { Params } from '../../control/methods.js';
import type { DrainStep, DrainView } from '../../model/drain.js';
import type { Answer, Client, Context } from '../command.js';
import { formatAge } from '../format.js';
import { startProgress } from '../progress.js';
import { selectionOf } from '../selection.js';
import { clean } from '../style.js';
import { type Column, table } from '../table.js';

const LOOK_MS = 500;

const PLAN: readonly Column<DrainStep>[] = [
  { title: 'TENANT', least: 8, cell: ({ tenant }) => tenant },
  { title: 'ID', least: 12, cell: ({ id }) => id },
  { title: 'CLASS', cell: (step) => step.class },
  { title: 'PRIORITY', right: true, cell: ({ priority }) => String(priority) },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'GRACE', right: true, cell: ({ graceMs }) => (graceMs < 1000 ? `${graceMs}ms` : formatAge(graceMs)) },
];

export async function run(context: Context): Promise<Answer> {
  const params = paramsOf(context);
  const client = await context.client();
  const { drain, plan = [], more = 0 } = await client.call('node.drain', params);
  if (params.dryRun === true) {
    const rest = more > 0 ? `and ${more} more\n` : '';
    const text = plan.length === 0 ? 'nothing to stop\n' : table(PLAN, plan, context.style) + rest;
    return { document: { plan, more }, text };
  }
  if (drain === null || context.flag('detach'))
    return { document: { drain }, text: 'drain started; see `berth node status`\n' };
  return answerOf(await untilOver(context, client, drain));
}

function paramsOf(context: Context): Params<'node.drain'> {
  const { selector, tenant } = selectionOf(context);
  // The agent checks the word.
  const keepClass = context.option('keep-class') as Params<'node.drain'>['keepClass'];
  const times = { deadline: durationOf(context, 'deadline'), grace: durationOf(context, 'grace') };
  return { dryRun: context.flag('dry-run'), ...defined({ selector, tenant, keepClass, ...times }) };
}

function durationOf(context: Context, name: string): number | undefined {
  const text = context.option(name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new BerthError('usage', `--${name} must be a duration such as 30s or 10m; it is ${JSON.stringify(text)}`);
  return ms;
}

/** Without a terminal each step of it is a line. */
async function untilOver(context: Context, client: Client, first: DrainView): Promise<DrainView | null> {
  const { host, json, signal } = context;
  const progress = startProgress(host, json);
  let said = '';
  try {
    for (let view: DrainView | null = first; ; { drain: view } = await client.call('node.describe', {})) {
      if (view === null || view.phase !== 'draining') return view;
      const line = countText(view);
      progress.say([line, ...view.left.flatMap(problemOf).slice(0, 1)].join('; '));
      if (!json && !host.errIsTerminal && line !== said) await host.out(`${line}\n`);
      said = line;
      await pause(LOOK_MS, { signal });
    }
  } finally {
    await progress.stop();
  }
}

function answerOf(drain: DrainView | null): Answer {
  if (drain === null || drain.phase === 'lifting')
    throw new BerthError('invalid_state', 'the drain was lifted before it came to its end', {
      hint: 'Somebody has run `berth node uncordon`; see `berth events --type node.uncordoned`.',
    });
  if (drain.phase === 'drained') return { document: { drain }, text: `drained: ${counted(drain.stopped)} stopped\n` };
  const left = drain.left.map(
    ({ id, state, problem }) => `  ${id} ${state}${problem === null ? '' : `: ${clean(problem)}`}\n`,
  );
  const text = `incomplete: ${countText(drain)}, and the deadline is over\n${left.join('')}`;
  return { document: { drain }, text, exit: 1 };
}

/** `12 of 40 stopped, 3 stopping` */
export function countText({ total, stopped, stopping }: Pick<DrainView, 'total' | 'stopped' | 'stopping'>): string {
  return `${stopped} of ${total} stopped, ${stopping} stopping`;
}

const problemOf = ({ id, problem }: DrainView['left'][number]): string[] =>
  problem === null ? [] : [`${id}: ${clean(problem)}`];

const counted = (number: number): string => `${number} workload${number === 1 ? '' : 's'}`;
