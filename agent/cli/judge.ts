// When is a workload where a command wants it?
import { BerthError } from '../../protocol/errors.js';
import type { WorkloadState, WorkloadView } from '../model/record.js';
import type { Judge } from './follow.js';
import { endSentence } from './format.js';

/** What is known from before a change, to tell an old end from a new one. */
export type Before = Pick<WorkloadView, 'state' | 'since' | 'process' | 'end'> | undefined;

/** The process of which the view tells last, alive or ended. */
function lastProcess(view: Before): string | undefined {
  const runs = view?.state === 'running' || view?.state === 'frozen';
  const process = runs ? view.process : view?.end?.process;
  return process == null ? undefined : `${process.pid}/${process.startTime}/${process.startedAt}`;
}

/** Whether a program was started since `before`, whatever became of it: how soon it ends must not decide about the answer. */
export function hasRun(view: WorkloadView, before: Before): boolean {
  const last = lastProcess(view);
  return last !== undefined && last !== lastProcess(before);
}

/** What `create` and `start` ask for: the program was started, or all is over without one. */
export const isStarted =
  (before?: Before): Judge =>
  (view) =>
    hasRun(there(view), before) || isUp(before)(view);

/** As `isStarted`, with another process than before. */
export const isStartedAnew =
  (before: Before): Judge =>
  (view) => {
    const now = there(view);
    return now.restartRequested ? false : hasRun(now, before) || isUpAnew(before)(view);
  };

/** Another process than before runs and serves, or has ended well. One that its policy starts again has not come back yet. */
export const servesAnew =
  (before: Before): Judge =>
  (view) => {
    const now = there(view);
    if (!isStartedAnew(before)(view)) return false;
    if (now.state === 'failed') throw failed(now);
    return now.state === 'exited' || (now.state === 'running' && now.ready !== false);
  };

/** It runs, or has run to an end that is no failure. */
export const isUp =
  (before?: Before): Judge =>
  (view) => {
    const now = there(view);
    const old = now.state === before?.state && now.since === before.since;
    if (now.state === 'running') return true;
    if (old || now.desired === 'deleted') return false;
    if (now.state === 'failed') throw failed(now);
    return now.state === 'exited';
  };

/** It runs with another process than before, or that one has ended well. */
export const isUpAnew =
  (before: Before): Judge =>
  (view) => {
    if (view?.restartRequested === true) return false;
    const process = view?.process;
    const same = process?.pid === before?.process?.pid && process?.startTime === before?.process?.startTime;
    // On its way from the old process to the new one it may come to rest for a moment.
    if (view?.state === 'exited' && view.end?.cause === 'stopped' && view.desired === 'running') return false;
    if (view?.state === 'running' && same && process !== null) return false;
    return isUp(before)(view);
  };

export const isDown: Judge = (view) => {
  const { state } = there(view);
  return state === 'exited' || state === 'failed';
};

export const isIn =
  (wanted: WorkloadState): Judge =>
  (view) => {
    const now = there(view);
    if (now.state === wanted) return true;
    if (now.state === 'failed') throw failed(now);
    if (now.state === 'exited') throw new BerthError('invalid_state', `${now.id} has exited`);
    return false;
  };

/** Came to an end: true for exited, throws for failed. */
export const hasEnded: Judge = (view) => {
  const now = there(view);
  if (now.state === 'failed') throw failed(now);
  return now.state === 'exited';
};

/** Its health probe succeeds; without one, it runs. An end is a failure: it does not serve. */
export const isReady: Judge = (view) => {
  const now = there(view);
  if (now.state === 'failed') throw failed(now);
  if (now.state === 'exited') throw new BerthError('invalid_state', `${now.id} has exited`);
  return now.state === 'running' && now.ready !== false;
};

export const isGone: Judge = (view) => view === undefined;

function there(view: WorkloadView | undefined): WorkloadView {
  if (view === undefined) throw new BerthError('not_found', 'the workload was deleted meanwhile');
  return view;
}

export function failed(view: WorkloadView): BerthError {
  const why = view.error?.message ?? (view.end === null ? 'for a reason that was not recorded' : endSentence(view.end));
  return new BerthError('start_failed', `${view.id} failed: ${why}`, {
    hint: view.error?.hint ?? `See \`berth workload logs ${view.id}\`.`,
    data: {
      id: view.id,
      ...(view.error === null ? {} : { error: view.error }),
      ...(view.end === null ? {} : { end: view.end }),
    },
  });
}
