import type { Answer, Context } from '../command.js';
import type { Judge } from '../follow.js';
import { follow, timeoutOf } from '../follow.js';
import { endSentence } from '../format.js';
import { hasEnded, isGone, isUp } from '../judge.js';
import { startProgress } from '../progress.js';

export async function run(context: Context): Promise<Answer> {
  const id = context.args[0] ?? '';
  const what = context.option('for');
  const judge: Judge = what === 'running' ? isUp() : what === 'deleted' ? isGone : hasEnded;
  const timeoutMs = timeoutOf(context);
  const client = await context.client();
  // A workload that never was is not one that was deleted.
  await client.call('workload.get', { id });
  const progress = startProgress(context.host, context.json);
  try {
    const view = await follow(client, id, judge, {
      timeoutMs,
      signal: context.signal,
      onLook: (now) => progress.say(`${id} ${now?.state ?? 'gone'}`),
    });
    const outcome = view?.state ?? 'deleted';
    const end = view?.state === 'exited' && view.end !== null ? `, ${endSentence(view.end)}` : '';
    const document = view === undefined ? { id, outcome } : { id, outcome, workload: view };
    return { document, text: `${id} ${outcome}${end}\n` };
  } finally {
    await progress.stop();
  }
}
