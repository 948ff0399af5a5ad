import { reportOf } from '../../base/errors.js';
import type { Answer, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import { follow, timeoutOf } from '../follow.js';
import { isGone } from '../judge.js';
import { choose, dryRun, noneMatch } from '../selection.js';

export async function run(context: Context): Promise<Answer> {
  const timeoutMs = timeoutOf(context);
  const chosen = choose(context, context.flag('all'));
  const client = await context.client();
  const { ids, picked } = await chosen(client);
  if (ids.length === 0) return noneMatch(context);
  if (context.flag('dry-run')) return dryRun(context, client, ids, 'delete');
  // All are told before the first is waited for: their grace periods pass together.
  const asked = await Promise.allSettled(
    ids.map((id) => client.call('workload.delete', { id, now: context.flag('now') })),
  );
  return forEach(context, ids, async (i, progress): Promise<Done> => {
    const id = ids[i] ?? '';
    const answer = asked[i];
    const deleted: Done = { outcome: 'deleted', line: `${id} deleted` };
    if (answer?.status === 'rejected') {
      // Gone between the list and this: nobody has named it.
      if (picked && reportOf(answer.reason).code === 'not_found') return deleted;
      throw answer.reason;
    }
    if (context.flag('detach'))
      return { outcome: 'accepted', ...(answer && { workload: answer.value }), line: `${id} is being deleted` };
    await follow(client, id, isGone, {
      timeoutMs,
      signal: context.signal,
      onLook: (view) => progress.say(`${id} ${view?.state ?? 'gone'}${view?.error ? `: ${view.error.message}` : ''}`),
    });
    return deleted;
  });
}
