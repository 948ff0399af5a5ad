import type { Answer, Context } from '../command.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const { restart, unmet } = await client.call('node.reload', {});
  const lines = [
    'configuration reloaded',
    ...(restart.length > 0 ? [`changed, and taken by \`systemctl restart berth\` only: ${restart.join(', ')}`] : []),
    ...unmet.map(({ tenant, why }) => `tenant ${tenant}: memory cannot go down yet: ${clean(why)}`),
  ];
  return { document: { restart, unmet }, text: `${lines.join('\n')}\n` };
}
