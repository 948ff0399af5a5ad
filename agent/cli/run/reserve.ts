import { BerthError } from '../../../protocol/errors.js';
import { parseDuration } from '../../base/units.js';
import type { Answer, Context } from '../command.js';
import { formatAge } from '../format.js';
import { readSpec } from '../specs.js';

export async function run(context: Context): Promise<Answer> {
  const text = context.option('ttl') ?? '30s';
  const ttl = parseDuration(text);
  if (ttl === undefined) throw new BerthError('usage', `--ttl: ${JSON.stringify(text)} is not a duration such as 30s`);
  const { spec } = await readSpec(context);
  const client = await context.client();
  const made = await client.call('workload.reserve', { spec, ttl });
  const left = formatAge(made.expiresAt - context.host.now());
  return { document: made, text: `${made.reservation} reserved for ${left}; create "${made.id}" to use it\n` };
}
