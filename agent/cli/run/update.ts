// A change of workloads that exist: a whole specification for one, or options for one field each, for several.

import { BerthError } from '../../../protocol/errors.js';
import type { MethodName, Params, Results } from '../../control/methods.js';
import { patchOf } from '../change-flags.js';
import { changeLines, changeSummary } from '../changes.js';
import type { Answer, Client, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import { choose, noneMatch } from '../selection.js';
import { readSpec } from '../specs.js';
import { CHANGE_OPTIONS } from '../table/change-options.js';

type Changing = Extract<MethodName, 'workload.update' | 'workload.patch'>;

export async function run(context: Context): Promise<Answer> {
  const patch = patchOf(context);
  const chosen = choose(context);
  const withFile = context.values('file').length > 0;
  if (withFile && patch !== undefined)
    throw new BerthError('usage', 'either -f with a whole specification, or options for single fields, not both');
  if (!withFile && patch === undefined)
    throw new BerthError('usage', `nothing to change: -f FILE is missing, or one of ${OPTIONS}`);
  if (withFile) {
    const id = onlyId(context);
    const { spec } = await readSpec(context);
    requireId(spec, id);
    const client = await context.client();
    return changeEach(context, [id], () => change(client, 'workload.update', { id, spec: { ...spec, id } }, context));
  }
  const client = await context.client();
  const { ids } = await chosen(client);
  if (ids.length === 0) return noneMatch(context);
  return changeEach(context, ids, (id) => change(client, 'workload.patch', { id, patch: patch ?? {} }, context));
}

const OPTIONS = CHANGE_OPTIONS.map(({ name }) => `--${name}`).join(', ');

function onlyId({ args }: Context): string {
  const [id, ...others] = new Set(args);
  if (id !== undefined && others.length === 0) return id;
  const count = id === undefined ? 0 : 1 + others.length;
  throw new BerthError('usage', `a specification is of one workload; ${count} are named`);
}

export function requireId(spec: Readonly<Record<string, unknown>>, id: string): void {
  if (spec.id === undefined || spec.id === id) return;
  throw new BerthError('usage', `the specification is of ${JSON.stringify(spec.id)}, not of ${JSON.stringify(id)}`, {
    hint: 'An id cannot be changed.',
  });
}

function changeEach(
  context: Context,
  ids: readonly string[],
  act: (id: string) => Promise<Results[Changing]>,
): Promise<Answer> {
  return forEach(context, ids, async (at): Promise<Done> => {
    const id = ids[at] ?? '';
    const { changes, refused, ...workload } = await act(id);
    const dryRun = context.flag('dry-run');
    if (dryRun && !context.json && changes.length > 0)
      await context.host.out(`${id} would change\n${changeLines(changes, context.style)}`);
    if (refused !== undefined) throw new BerthError(refused.code, refused.message, refused);
    if (changes.length === 0)
      return { outcome: 'unchanged', workload, changes, line: `${id} unchanged, generation ${workload.generation}` };
    if (dryRun) return { outcome: 'would_change', workload, changes, line: '' };
    const line = `${id} updated, generation ${workload.generation}: ${changeSummary(changes)}`;
    return { outcome: 'updated', workload, changes, line };
  });
}

function change<M extends Changing>(
  client: Client,
  method: M,
  params: Params<M>,
  context: Context,
): Promise<Results[M]> {
  return client.call(method, { ...params, ...(context.flag('dry-run') ? { dryRun: true } : {}) });
}
