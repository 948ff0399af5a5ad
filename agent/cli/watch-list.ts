// `berth workload list --watch`: the list, then a line for each workload that changes. Events say when to look, the list says what is
// true: a lost event costs time, never correctness.
import { pause } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import type { WorkloadView } from '../model/record.js';
import type { Client, Context } from './command.js';

/** Changes of this long are one look. */
const TOGETHER_MS = 500;

export interface Watched {
  /** All that match now, in order. */
  look(): Promise<readonly WorkloadView[]>;
  /** One line for each, the header first; `gone`: they do not match any more. */
  lines(all: readonly WorkloadView[], gone: ReadonlySet<string>): readonly string[];
}

/** Until it is interrupted. Throws `cannot_connect` when the agent ends. */
export async function watchList(context: Context, client: Client, { look, lines }: Watched): Promise<never> {
  const { host, json, signal } = context;
  const stirred = stirring(client, signal);
  let before = new Map<string, WorkloadView>();
  let first = true;
  for (;;) {
    const found = await look();
    const now = new Map(found.map((view) => [view.id, view]));
    const gone = [...before.values()].filter(({ id }) => !now.has(id));
    const all = [...found, ...gone];
    const isNews = (view: WorkloadView): boolean => !now.has(view.id) || stateOf(before.get(view.id)) !== stateOf(view);
    const shown = json
      ? all.filter(isNews).map((view) => JSON.stringify(now.has(view.id) ? { workload: view } : { gone: view.id }))
      : lines(all, new Set(gone.map(({ id }) => id))).filter((_, at) => {
          const view = all[at - 1];
          return view === undefined ? first : isNews(view);
        });
    if (shown.length > 0) await host.out(`${shown.join('\n')}\n`);
    before = now;
    first = false;
    await stirred();
    await pause(TOGETHER_MS, { signal });
  }
}

/** What makes a new line. A place in a queue changes with each look and is none. */
function stateOf(view: WorkloadView | undefined): string | undefined {
  if (view === undefined) return undefined;
  const { state, since, ready, restarts, restart, generation, sandbox } = view;
  return JSON.stringify([state, since, ready, restarts, restart.gaveUp, generation, sandbox.address]);
}

/** Resolves when something has happened to a workload since it last did. */
function stirring(client: Client, signal: AbortSignal): () => Promise<void> {
  let news = false;
  let tell: () => void = () => undefined;
  const ended = (async (): Promise<never> => {
    for await (const { workload } of client.events(undefined, { signal })) {
      if (workload === undefined) continue;
      news = true;
      tell();
    }
    throw new BerthError('cannot_connect', 'the agent closed the connection');
  })();
  ended.catch(() => undefined);
  return async () => {
    const woken = new Promise<void>((resolve) => {
      tell = resolve;
    });
    if (!news) await Promise.race([ended, woken]);
    news = false;
  };
}
