import { BerthError } from '../../base/errors.js';
import type { Answer, Context } from '../command.js';
import { readSpec } from '../specs.js';

export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const { spec } = await readSpec(context);
  if (spec.id !== undefined && spec.id !== id)
    throw new BerthError('usage', `the specification is of ${JSON.stringify(spec.id)}, not of ${JSON.stringify(id)}`, {
      hint: 'An id cannot be changed.',
    });
  const client = await context.client();
  const workload = await client.call('workload.update', { id, spec: { ...spec, id } });
  return { document: { workload }, text: `${id} updated, generation ${workload.generation}\n` };
}
