// The same to several workloads, so that at most a number of them is away at a time: the next is asked when one is back, and
// nobody any more when one does not come back.
import { reportOf } from '../base/errors.js';
import type { Answer, Context } from './command.js';
import type { Done, Result } from './each.js';
import { exitOf, failureText } from './failure.js';
import { startProgress } from './progress.js';

/** `say`: what it waits for now. */
type Act = (id: string, say: (text: string) => void) => Promise<Done>;

export async function rolling(
  context: Context,
  { ids, most }: { readonly ids: readonly string[]; readonly most: number },
  act: Act,
): Promise<Answer> {
  const { host, json, signal, errStyle } = context;
  const progress = startProgress(host, json);
  const results = new Map<string, Result>();
  const away = new Map<string, string>();
  const queue = [...ids];
  const say = (id: string, text: string): void => {
    away.set(id, text);
    progress.say([`${results.size} of ${ids.length} done`, ...away.values()].join(', '));
  };
  const failures: { readonly id: string; readonly error: unknown }[] = [];

  const one = async (): Promise<void> => {
    while (failures.length === 0) {
      const name = queue.shift();
      if (name === undefined) return;
      try {
        const { outcome, workload, line } = await act(name, (text) => say(name, text));
        results.set(name, { id: name, outcome, ...(workload && { workload }) });
        if (!json) await host.out(`${line}\n`);
      } catch (error) {
        failures.push({ id: name, error });
        results.set(name, { id: name, error: reportOf(error) });
      } finally {
        away.delete(name);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, ids.length) }, one));
  await progress.stop();
  if (signal.aborted) throw failures[0]?.error;
  const left = ids.filter((id) => !results.has(id));
  if (!json) {
    for (const { id, error } of failures) await host.err(failureText(reportOf(error), errStyle, id));
    if (left.length > 0) await host.err(`Stopped there. Not restarted: ${left.join(', ')}\n`);
  }
  const [first] = failures;
  return {
    document: { results: ids.map((id) => results.get(id) ?? { id, outcome: 'not_asked' }) },
    text: '',
    exit: first === undefined ? 0 : exitOf(reportOf(first.error)),
  };
}
