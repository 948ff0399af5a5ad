// start, stop, restart, freeze, thaw: one method each, then wait until it is so.
import { BerthError } from '../../../protocol/errors.js';
import type { WorkloadView } from '../../model/record.js';
import type { Answer, Client, Context } from '../command.js';
import { forEach, tellEnd } from '../each.js';
import type { Judge } from '../follow.js';
import { follow, timeoutOf } from '../follow.js';
import type { Before } from '../judge.js';
import { hasRun, isDown, isIn, isStarted, isStartedAnew, servesAnew } from '../judge.js';
import { rolling } from '../rolling.js';
import { choose, dryRun, noneMatch } from '../selection.js';

const JUDGES: Readonly<Record<Verb, (before: Before) => Judge>> = {
  start: isStarted,
  stop: () => isDown,
  restart: isStartedAnew,
  freeze: () => isIn('frozen'),
  thaw: () => isIn('running'),
};

export type Verb = 'start' | 'stop' | 'restart' | 'freeze' | 'thaw';

export function changeCommand(verb: Verb): (context: Context) => Promise<Answer> {
  return async (context) => {
    const timeoutMs = timeoutOf(context);
    const most = verb === 'restart' ? mostOf(context) : 1;
    const chosen = choose(context);
    const client = await context.client();
    const { ids } = await chosen(client);
    if (ids.length === 0) return noneMatch(context);
    if (context.flag('dry-run')) return dryRun(context, client, ids, verb);
    if (verb === 'restart' && ids.length > 1 && !context.flag('detach')) return restartAll(context, client, ids, most);
    // Grace periods pass together. All others are asked one after the other.
    const asked = verb === 'stop' ? await Promise.allSettled(ids.map((id) => ask(client, verb, id))) : undefined;
    return forEach(context, ids, async (i, progress) => {
      const id = ids[i] ?? '';
      const early = asked?.[i];
      if (early?.status === 'rejected') throw early.reason;
      const { before, accepted } = early?.value ?? (await ask(client, verb, id));
      if (context.flag('detach'))
        return { outcome: 'accepted', workload: accepted, line: `${id} accepted (${accepted.state})` };
      progress.say(`${id} ${accepted.state}`);
      const view = await follow(client, id, JUDGES[verb](before), {
        timeoutMs,
        signal: context.signal,
        onLook: (now) => progress.say(`${id} ${now?.state ?? 'gone'}`),
      });
      const ran = (verb === 'start' || verb === 'restart') && view !== undefined && hasRun(view, before);
      if (ran) await tellEnd(context, view);
      const state = ran ? 'running' : (view?.state ?? 'gone');
      return { outcome: state, ...(view && { workload: view }), line: `${id} ${state}` };
    });
  };
}

/** At most so many of them are away at a time. */
function mostOf(context: Context): number {
  const text = context.option('max-unavailable');
  if (text === undefined) return 1;
  if (context.flag('detach')) throw new BerthError('usage', 'either --max-unavailable or --detach, not both');
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new BerthError('usage', `--max-unavailable must be 1 or more; it is ${JSON.stringify(text)}`);
}

/** Each must serve again before the next is asked. */
function restartAll(context: Context, client: Client, ids: readonly string[], most: number): Promise<Answer> {
  const timeoutMs = timeoutOf(context);
  return rolling(context, { ids, most }, async (id, say) => {
    const { before } = await ask(client, 'restart', id);
    const view = await follow(client, id, servesAnew(before), {
      timeoutMs,
      signal: context.signal,
      onLook: (now) => say(`${id} ${now?.ready === false ? 'unready' : (now?.state ?? 'gone')}`),
    });
    const state = view?.state ?? 'gone';
    return { outcome: state, ...(view && { workload: view }), line: `${id} ${state}` };
  });
}

interface Asked {
  readonly before: WorkloadView;
  readonly accepted: WorkloadView;
}

async function ask(client: Client, verb: Verb, id: string): Promise<Asked> {
  const before = await client.call('workload.get', { id });
  return { before, accepted: await client.call(`workload.${verb}`, { id }) };
}
