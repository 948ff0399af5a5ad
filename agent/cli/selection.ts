// Which workloads a command is about: those that are named, or those that a selection matches. The agent matches; the command
// asks for the matching ones page by page.

import { BerthError } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { Params } from '../control/methods.js';
import { isAttachment } from '../model/external-spec.js';
import type { WorkloadView } from '../model/record.js';
import { parseSelector } from '../model/selector.js';
import type { Answer, Client, Context } from './command.js';
import { type Done, forEach } from './each.js';
import { pages } from './pages.js';
import { selection } from './table/options.js';

export type Selection = Omit<Params<'workload.list'>, 'limit' | 'cursor'>;

/** Far below the longest answer of an agent, whatever the specifications say. */
const PAGE = 100;

/** What the options -l, --tenant, --driver, --state and --class ask for; empty: everything. Throws `usage`. */
export function selectionOf(context: Pick<Context, 'option'>): Selection {
  const given = selection.flatMap(({ name }) => {
    const value = context.option(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const asked = Object.fromEntries(given);
  if (asked.selector !== undefined) requireSelector(asked.selector);
  // The agent checks the words.
  return asked as Selection;
}

export const isEmpty = (asked: Selection): boolean => Object.keys(asked).length === 0;

function requireSelector(text: string): void {
  try {
    parseSelector(text);
  } catch (error) {
    throw new BerthError('usage', `--${reportOf(error).message.replace(':', '')}`);
  }
}

/** Views of all that match, by id. */
export async function matching(client: Client, asked: Selection): Promise<WorkloadView[]> {
  const found: WorkloadView[] = [];
  for await (const answer of pages(client, 'workload.list', asked, PAGE)) found.push(...answer.workloads);
  return found;
}

/** `picked`: they were not named, and may be none. */
export interface Chosen {
  readonly ids: readonly string[];
  readonly picked: boolean;
}

/**
 * Checks the command line before the agent is asked. `all`: the option that takes the place of a selection. Networks of containers are not
 * among them: these would go on without.
 */
export function choose(context: Context, all = false): (client: Client) => Promise<Chosen> {
  const asked = selectionOf(context);
  const [named, picks] = [context.args.length > 0, all || !isEmpty(asked)];
  if (named && picks) throw new BerthError('usage', `either IDs or ${all ? '--all' : OPTIONS}, not both`);
  if (all && !isEmpty(asked)) throw new BerthError('usage', `either --all or ${OPTIONS}, not both`);
  if (!named && !picks) throw new BerthError('usage', `ID is missing: name workloads, or choose them by ${OPTIONS}`);
  return async (client) =>
    named
      ? { ids: [...new Set(context.args)], picked: false }
      : {
          ids: (await matching(client, asked)).filter(({ spec }) => !all || !isAttachment(spec)).map(({ id }) => id),
          picked: true,
        };
}

const OPTIONS = selection.map(({ name, short }) => (short === undefined ? `--${name}` : `-${short}`)).join(', ');

/** As kubectl: nothing to do is no failure, and is told. */
export async function noneMatch({ host, json }: Context): Promise<Answer> {
  if (!json) await host.err('No workloads match.\n');
  return { document: { results: [] }, text: '' };
}

/** One line for each workload that a command would be about. */
export function dryRun(context: Context, client: Client, ids: readonly string[], verb: string): Promise<Answer> {
  return forEach(context, ids, async (at): Promise<Done> => {
    const workload = await client.call('workload.get', { id: ids[at] ?? '' });
    const { id, state } = workload;
    return { outcome: 'would_be_asked', workload, line: `${id} (${state}): would ${verb}` };
  });
}
