// start, stop, restart, freeze, thaw: one method each, then wait until it is so.
import type { Answer, Context } from '../command.js';
import { forEach, tellEnd } from '../each.js';
import type { Judge } from '../follow.js';
import { follow, timeoutOf } from '../follow.js';
import type { Before } from '../judge.js';
import { hasRun, isDown, isIn, isStarted, isStartedAnew } from '../judge.js';

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
    const client = await context.client();
    const ids = [...new Set(context.args)];
    return forEach(context, ids, async (i, progress) => {
      const id = ids[i] ?? '';
      const before = await client.call('workload.get', { id });
      const accepted = await client.call(`workload.${verb}`, { id });
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
      return { outcome: state, workload: view, line: `${id} ${state}` };
    });
  };
}
