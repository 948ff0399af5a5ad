// A health probe that is a program inside the workload. Its output goes nowhere, and it has as long as its spec says.
import { after } from '../../../linux/timers.js';
import { millisecondsOf } from '../../base/values/amounts.js';
import type { StreamEnd } from '../../model/execution.js';
import type { InsideProbe, ProbeResult } from '../health/probe.js';
import type { Execution } from './execution.js';
import type { Executions } from './executions.js';

export function commandProbe(executions: Pick<Executions, 'probe'>): InsideProbe {
  return async (id, { command = [], timeout }, signal) => {
    try {
      const execution = await executions.probe(id, command, signal);
      return await resultOf(execution, timeout, signal);
    } catch {
      // It was not asked: it ends, is frozen or busy, or the host or the supervisor is in trouble, which is told elsewhere. Whatever it is,
      // it is no fault of the workload.
      return null;
    }
  };
}

/** Resolves when nothing of it is left. */
async function resultOf(
  execution: Pick<Execution, 'ended' | 'kill' | 'killed'>,
  timeout: string,
  signal: AbortSignal,
): Promise<ProbeResult | null> {
  let late = false;
  const stop = (): void => void execution.kill();
  const timer = after(millisecondsOf(timeout), () => {
    late = true;
    stop();
  }).unref();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const end = await execution.ended;
    if (late) return `the command did not end within ${timeout}`;
    // By who stops, and not by the workload.
    return execution.killed ? null : judge(end);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', stop);
  }
}

/** Pure. */
export function judge({ exit, error }: StreamEnd): ProbeResult | null {
  if (error !== null) return error.code === 'exec_failed' ? 'the command could not be started' : null;
  if (exit === null) return null;
  if (exit.code === 0) return undefined;
  return exit.code === null
    ? `the command was ended by ${exit.signal}`
    : `the command ended with exit code ${exit.code}`;
}
