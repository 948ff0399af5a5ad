import type { Answer, Context } from '../command.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const released = await client.call('workload.release', { reservation: context.args[0] ?? '' });
  return { document: released, text: `${released.id} released\n` };
}
