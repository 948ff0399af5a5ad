import { BerthError } from '../../../protocol/errors.js';
import type { Answer, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import type { Judge } from '../follow.js';
import { follow, timeoutOf } from '../follow.js';
import { endSentence } from '../format.js';
import { hasEnded, isGone, isReady, isUp } from '../judge.js';
import { choose } from '../selection.js';

export async function run(context: Context): Promise<Answer> {
  const what = context.option('for');
  const judge: Judge =
    what === 'running' ? isUp() : what === 'ready' ? isReady : what === 'deleted' ? isGone : hasEnded;
  const timeoutMs = timeoutOf(context);
  const chosen = choose(context);
  const client = await context.client();
  const { ids, picked } = await chosen(client);
  // As kubectl: what was waited for did not come.
  if (ids.length === 0) throw new BerthError('not_found', 'no workloads match');
  // A workload that never was is not one that was deleted.
  const there = picked ? [] : await Promise.allSettled(ids.map((id) => client.call('workload.get', { id })));
  const begun = performance.now();
  return forEach(context, ids, async (at, progress): Promise<Done> => {
    const id = ids[at] ?? '';
    const look = there[at];
    if (look?.status === 'rejected') throw look.reason;
    const view = await follow(client, id, judge, {
      timeoutMs,
      // One time for all of them.
      begun,
      signal: context.signal,
      onLook: (now) => progress.say(`${id} ${now?.state ?? 'gone'}`),
    });
    const outcome = view?.state ?? 'deleted';
    const end = view?.state === 'exited' && view.end !== null ? `, ${endSentence(view.end)}` : '';
    return { outcome, ...(view && { workload: view }), line: `${id} ${outcome}${end}` };
  });
}
