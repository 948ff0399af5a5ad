import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError } from '../../base/errors.js';
import type { LogChunk } from '../../workload/log-chunk.js';
import type { Answer, Client, Context } from '../command.js';

const POLL_MS = 250;

/** Bytes as they came; with --json one document, or with --json --follow one line of JSON for each piece. */
export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const follow = context.flag('follow');
  const encoding = context.json ? 'text' : 'base64';
  const client = await context.client();
  let text = '';
  let offset: number | undefined;
  for (;;) {
    // Before the output, so that an end seen here means that nothing can come after what is read next.
    const ended = follow ? await hasEnded(client, id) : true;
    for (let end = false; !end; ) {
      const chunk = await read(client, { id, offset: offset ?? 0, encoding }, follow && offset !== undefined);
      if (chunk === undefined) return { document: undefined, text: '' };
      // What was rotated away before the first look is not missed.
      const missing = offset === undefined ? 0 : (chunk.missing ?? 0);
      end = chunk.end || chunk.next === offset;
      offset = chunk.next;
      if (!context.json) await print(context, chunk, missing);
      else if (!follow) text += chunk.text;
      else if (chunk.text !== '') await context.host.out(`${JSON.stringify(lineOf(chunk, missing))}\n`);
    }
    if (ended) return { document: follow ? undefined : { id, text, next: offset ?? 0 }, text: '' };
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

async function print({ host }: Context, { base64 = '' }: LogChunk, missing: number): Promise<void> {
  if (missing > 0) {
    await host.out(
      `\nberth: ${missing} bytes of output are missing here: they were rotated away before they were read\n`,
    );
  }
  if (base64 !== '') await host.out(Buffer.from(base64, 'base64'));
}

function lineOf({ text, next }: LogChunk, missing: number): object {
  return missing > 0 ? { text, next, missing } : { text, next };
}

/** Undefined when the workload went away while it was followed, which is an end like any other. */
async function read(
  client: Client,
  params: { readonly id: string; readonly offset: number; readonly encoding: 'text' | 'base64' },
  mayBeGone: boolean,
): Promise<LogChunk | undefined> {
  try {
    return await client.call('workload.logs', params);
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
