import { changeLines } from '../changes.js';
import type { Answer, Context } from '../command.js';
import { failureText } from '../failure.js';
import { readSpec } from '../specs.js';
import { requireId } from './update.js';

/** Exit codes as of diff(1): 1 is a difference. */
export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const { spec } = await readSpec(context);
  requireId(spec, id);
  const client = await context.client();
  const answer = await client.call('workload.update', { id, spec: { ...spec, id }, dryRun: true });
  const { changes, refused, generation } = answer;
  const document = { id, generation, changes, ...(refused && { refused }) };
  if (changes.length === 0) return { document, text: `${id} does not differ\n` };
  if (refused !== undefined && !context.json) await context.host.err(failureText(refused, context.errStyle, id));
  return { document, text: `${id} differs\n${changeLines(changes, context.style)}`, exit: 1 };
}
