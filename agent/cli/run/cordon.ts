import type { Answer, Context } from '../command.js';

export function cordonCommand(verb: 'cordon' | 'uncordon'): (context: Context) => Promise<Answer> {
  return async (context) => {
    const client = await context.client();
    const { cordoned } = await client.call(`node.${verb}`, {});
    const text = cordoned ? 'cordoned: no workload is admitted\n' : 'uncordoned: workloads are admitted\n';
    return { document: { cordoned }, text };
  };
}
