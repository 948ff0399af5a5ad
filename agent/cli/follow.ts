// Waits until a workload is where it should be. Events say when to look, `workload.get` says what is true: a lost or
// reordered event costs time, never correctness.
import { after } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import { parseDuration } from '../base/units.js';
import type { BerthEvent } from '../model/event.js';
import type { WorkloadView } from '../model/record.js';
import type { Client, Context } from './command.js';

/** How a view is judged; `undefined` stands for a workload that does not exist. Throws when it can never get there. */
export type Judge = (view: WorkloadView | undefined) => boolean;

export interface FollowOptions {
  /** Undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** When the time has begun to run, of performance.now(); absent: with this call. */
  readonly begun?: number;
  readonly signal: AbortSignal;
  onLook?(view: WorkloadView | undefined): void;
}

type Step = IteratorResult<BerthEvent, unknown>;

/** Without events, e.g. after a gap, the state is looked at this often. */
const LOOK_MS = 2000;

/** Throws `deadline_exceeded`, and what the judge throws. */
export async function follow(
  client: Client,
  id: string,
  judge: Judge,
  { timeoutMs, begun: start = performance.now(), signal, onLook }: FollowOptions,
): Promise<WorkloadView | undefined> {
  const done = new AbortController();
  const events = client.events(undefined, { signal: done.signal })[Symbol.asyncIterator]();
  // Asked for before the first look, so that nothing can happen between.
  let next = events.next();
  next.catch(() => {});
  let ended = false;
  try {
    for (;;) {
      const view = await look(client, id);
      onLook?.(view);
      if (judge(view)) return view;
      const waitedMs = performance.now() - start;
      if (timeoutMs !== undefined && waitedMs >= timeoutMs) throw tooLate(id, view, timeoutMs);
      const patience = Math.max(1, Math.min(LOOK_MS, (timeoutMs ?? Number.POSITIVE_INFINITY) - waitedMs));
      const until = performance.now() + patience;
      for (let again = true; again; ) {
        const event: Step | undefined = await orTimeout(ended ? undefined : next, until - performance.now(), signal);
        again = false;
        if (event === undefined) continue;
        if (event.done === true) {
          ended = true;
          continue;
        }
        next = events.next();
        next.catch(() => {});
        again = event.value.workload !== id && performance.now() < until;
      }
    }
  } finally {
    // Not `events.return()`: a generator that waits for an event would answer only after the next one.
    done.abort();
  }
}

async function look(client: Client, id: string): Promise<WorkloadView | undefined> {
  try {
    return await client.call('workload.get', { id });
  } catch (error) {
    if (error instanceof BerthError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function tooLate(id: string, view: WorkloadView | undefined, ms: number): BerthError {
  const state = view === undefined ? 'absent' : view.state;
  return new BerthError('deadline_exceeded', `${id} is still ${state} after ${ms / 1000} s`, {
    data: { id, state },
    hint: view?.error?.message ?? `It goes on by itself; look with \`berth workload show ${id}\`.`,
  });
}

function orTimeout(promise: Promise<Step> | undefined, ms: number, signal: AbortSignal): Promise<Step | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) return stop();
    const timer = after(Math.max(1, ms), () => done(() => resolve(undefined)));
    const done = (act: () => void) => {
      timer.cancel();
      signal.removeEventListener('abort', stop);
      act();
    };
    signal.addEventListener('abort', stop, { once: true });
    promise?.then(
      (value) => done(() => resolve(value)),
      (error: unknown) => done(() => reject(error)),
    );
  });
}

/** The option --timeout in milliseconds, or undefined when it was not given. Throws `usage`. */
export function timeoutOf(context: Context): number | undefined {
  const text = context.option('timeout');
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new BerthError(
      'usage',
      `--timeout must be a duration such as 500ms, 30s or 5m; it is ${JSON.stringify(text)}`,
    );
  return ms;
}
