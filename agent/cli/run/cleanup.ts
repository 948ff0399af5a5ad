import type { Answer, Context } from '../command.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  if (context.flag('dry-run')) {
    const { plan = [] } = await client.call('node.cleanup', { dryRun: true });
    const lines = plan.map(({ action, kind, name, installation, why }) => {
      const whose = installation === null ? '' : ` (installation ${clean(installation)})`;
      return `would ${action} ${kind} ${clean(name)}${whose}: ${clean(why)}\n`;
    });
    return { document: { plan }, text: lines.length === 0 ? 'nothing to remove\n' : lines.join('') };
  }
  const { removed } = await client.call('node.cleanup', {});
  const lines = removed.map((name) => `removed ${clean(name)}`);
  return { document: { removed }, text: `${removed.length === 0 ? 'nothing to remove' : lines.join('\n')}\n` };
}
