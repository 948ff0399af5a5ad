import type { Answer, Context } from '../command.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const { removed } = await client.call('node.cleanup', {});
  const lines = removed.map((name) => `removed ${clean(name)}`);
  return { document: { removed }, text: `${removed.length === 0 ? 'nothing to remove' : lines.join('\n')}\n` };
}
