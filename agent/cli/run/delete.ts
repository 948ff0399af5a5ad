import { BerthError } from '../../base/errors.js';
import type { Answer, Context } from '../command.js';
import { forEach } from '../each.js';
import { follow, timeoutOf } from '../follow.js';
import { isGone } from '../judge.js';

export async function run(context: Context): Promise<Answer> {
  const timeoutMs = timeoutOf(context);
  const all = context.flag('all');
  if (all === context.args.length > 0)
    throw new BerthError('usage', all ? 'either IDs or --all, not both' : 'ID is missing', {
      hint: 'Run `berth help workload delete`; --all deletes every workload.',
    });
  const client = await context.client();
  const ids = all ? (await client.call('workload.list', {})).workloads.map(({ id }) => id) : [...new Set(context.args)];
  // All are told before the first is waited for: their grace periods pass together.
  const asked = await Promise.allSettled(
    ids.map((id) => client.call('workload.delete', { id, now: context.flag('now') })),
  );
  return forEach(context, ids, async (i, progress) => {
    const id = ids[i] ?? '';
    const answer = asked[i];
    if (answer?.status === 'rejected') throw answer.reason;
    if (context.flag('detach')) return { outcome: 'accepted', workload: answer?.value, line: `${id} is being deleted` };
    await follow(client, id, isGone, {
      timeoutMs,
      signal: context.signal,
      onLook: (view) => progress.say(`${id} ${view?.state ?? 'gone'}${view?.error ? `: ${view.error.message}` : ''}`),
    });
    return { outcome: 'deleted', line: `${id} deleted` };
  });
}
