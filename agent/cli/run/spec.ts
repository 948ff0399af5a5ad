import type { Answer, Context } from '../command.js';

/** The specification itself is the document, so that it can be given back to `create` as it is. */
export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const { spec } = await client.call('workload.get', { id: context.args[0] ?? '' });
  if (context.json || context.option('output') === 'json')
    return { document: spec, text: `${JSON.stringify(spec, undefined, 2)}\n` };
  const { toYaml } = await import('../yaml-specs.js');
  return { document: spec, text: toYaml(spec) };
}
