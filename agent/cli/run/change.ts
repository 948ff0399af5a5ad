// start, stop, restart, freeze, thaw: one method each, then wait until it is so.
import type { Answer, Context } from '../command.js';
import { forEach } from '../each.js';
import type { Judge } from '../follow.js';
import { follow, timeoutOf } from '../follow.js';
import type { Before } from '../judge.js';
import { isDown, isIn, isUp, isUpAnew } from '../judge.js';

const JUDGES: Readonly<Record<Verb, (before: Before) => Judge>> = {
  start: isUp,
  stop: () => isDown,
  restart: isUpAnew,
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
      const state = view?.state ?? 'gone';
      return { outcome: state, workload: view, line: `${id} ${state}` };
    });
  };
}
