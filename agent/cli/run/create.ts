import type { WorkloadView } from '../../model/record.js';
import type { Answer, Context } from '../command.js';
import { forEach, tellEnd } from '../each.js';
import { follow, timeoutOf } from '../follow.js';
import { endSentence, formatAge, waitOf } from '../format.js';
import { hasRun, isStarted, isUp } from '../judge.js';
import { readSpecs } from '../specs.js';

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
      // The same spec as before, of one that has ended: nothing is started.
      const rests = created.state === 'exited' || created.state === 'failed';
      progress.say(`${id} ${created.state}`);
      const view = await follow(client, id, rests ? isUp() : isStarted(), {
        timeoutMs,
        signal: context.signal,
        onLook: (now) => progress.say(`${id} ${now === undefined ? 'gone' : standing(now)}`),
      });
      const ran = !rests && view !== undefined && hasRun(view, undefined);
      if (ran) await tellEnd(context, view);
      const tookMs = context.host.now() - start;
      return {
        outcome: ran ? 'running' : (view?.state ?? 'gone'),
        workload: view,
        line: ran ? ranLine(created, view, tookMs) : lineOf(view ?? created, tookMs),
      };
    },
  );
}

function standing(now: WorkloadView): string {
  const wait = waitOf(now);
  return `${now.state}${now.error ? `: ${now.error.message}` : ''}${wait === undefined ? '' : `, waits ${wait}`}`;
}

/** Of one whose program was started; what it holds is in the first answer, and no more in the last one when it has ended. */
function ranLine(created: WorkloadView, view: WorkloadView, tookMs: number): string {
  const process = view.process ?? view.end?.process ?? null;
  const sandbox = view.sandbox.address === null ? created.sandbox : view.sandbox;
  return lineOf({ ...view, state: 'running', process, sandbox }, tookMs);
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
