import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError } from '../../errors.js';
import type { Answer, Client, Context } from '../command.js';

const POLL_MS = 250;

/** Text as it came; with --json one document, or with --json --follow one line of JSON for each piece. */
export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const follow = context.flag('follow');
  const client = await context.client();
  let text = '';
  let offset = 0;
  for (;;) {
    // Before the output, so that an end seen here means that nothing can come after what is read next.
    const ended = follow ? await hasEnded(client, id) : true;
    for (let end = false; !end; ) {
      const chunk = await read(client, id, offset, follow && offset > 0);
      if (chunk === undefined) return { document: undefined, text: '' };
      end = chunk.end || chunk.next === offset;
      offset = chunk.next;
      if (chunk.text === '') continue;
      if (!context.json) await context.host.out(chunk.text);
      else if (follow) await context.host.out(`${JSON.stringify({ text: chunk.text, next: chunk.next })}\n`);
      else text += chunk.text;
    }
    if (ended) return { document: follow ? undefined : { id, text, next: offset }, text: '' };
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** Undefined when the workload went away while it was followed, which is an end like any other. */
async function read(client: Client, id: string, offset: number, mayBeGone: boolean) {
  try {
    return await client.call('workload.logs', { id, offset });
  } catch (error) {
    if (mayBeGone && error instanceof BerthError && error.code === 'not_found') return undefined;
    throw error;
  }
}

async function hasEnded(client: Client, id: string): Promise<boolean> {
  try {
    const { state } = await client.call('workload.get', { id });
    return state === 'exited' || state === 'failed';
  } catch (error) {
    if (error instanceof BerthError && error.code === 'not_found') return true;
    throw error;
  }
}
