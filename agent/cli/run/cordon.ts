import type { Answer, Context } from '../command.js';

export async function cordon(context: Context): Promise<Answer> {
  const client = await context.client();
  const document = await client.call('node.cordon', {});
  return { document, text: 'cordoned: no workload is admitted\n' };
}

export async function uncordon(context: Context): Promise<Answer> {
  const client = await context.client();
  const document = await client.call('node.uncordon', {});
  const { resumed } = document;
  const again = resumed === 0 ? '' : `${resumed} that the drain had stopped start again\n`;
  return { document, text: `uncordoned: workloads are admitted\n${again}` };
}
