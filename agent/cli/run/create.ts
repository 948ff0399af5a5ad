import type { WorkloadView } from '../../workload/record.js';
import type { Answer, Context } from '../command.js';
import { forEach } from '../each.js';
import { follow, timeoutOf } from '../follow.js';
import { isUp } from '../judge.js';
import { readSpecs } from '../specs.js';
import { endSentence, formatAge, waitOf } from '../words.js';

export async function run(context: Context): Promise<Answer> {
  const timeoutMs = timeoutOf(context);
  const specs = await readSpecs(context);
  const client = await context.client();
  return forEach(
    context,
    specs.map(({ name }) => name),
    async (i, progress) => {
      const start = context.host.now();
      const created = await client.call('workload.create', {
        spec: specs[i]?.spec ?? {},
        ...(context.flag('preempt') ? { preempt: true } : {}),
      });
      const { id } = created;
      if (context.flag('detach'))
        return { outcome: 'accepted', workload: created, line: `${id} accepted (${created.state})` };
      progress.say(`${id} ${created.state}`);
      const view = await follow(client, id, isUp(), {
        timeoutMs,
        signal: context.signal,
        onLook: (now) => progress.say(`${id} ${now === undefined ? 'gone' : standing(now)}`),
      });
      return {
        outcome: view?.state ?? 'gone',
        workload: view,
        line: lineOf(view ?? created, context.host.now() - start),
      };
    },
  );
}

function standing(now: WorkloadView): string {
  const wait = waitOf(now);
  return `${now.state}${now.error ? `: ${now.error.message}` : ''}${wait === undefined ? '' : `, waits ${wait}`}`;
}

/** `web-1 running, pid 4711, 10.133.0.5 (120ms)` */
function lineOf(view: WorkloadView, tookMs: number): string {
  const parts: string[] = [`${view.id} ${view.state}`];
  if (view.state === 'exited' && view.end !== null) parts.push(endSentence(view.end));
  if (view.process !== null) parts.push(`pid ${view.process.pid}`);
  if (view.sandbox.address !== null) parts.push(view.sandbox.address);
  const evicted = view.preemption?.victims.map(({ id }) => id) ?? [];
  if (evicted.length > 0) parts.push(`in the place of ${evicted.join(', ')}`);
  return `${parts.join(', ')} (${tookMs < 1000 ? `${tookMs}ms` : formatAge(tookMs)})`;
}
