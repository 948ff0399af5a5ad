// A health probe that is a program inside the workload. Its output goes nowhere, and it has as long as its spec says.
import { after } from '../../../linux/timers.js';
import { BerthError } from '../../base/errors.js';
import { millisecondsOf } from '../../base/values/amounts.js';
import type { StreamEnd } from '../../model/execution.js';
import type { InsideProbe, ProbeResult } from '../health/probe.js';
import type { Execution } from './execution.js';
import type { Executions } from './executions.js';

export function commandProbe(executions: Pick<Executions, 'probe'>): InsideProbe {
  return async (id, { command = [], timeout }, signal) => {
    try {
      const execution = await executions.probe(id, command);
      return await resultOf(execution, timeout, signal);
    } catch (error) {
      // That it ends, is frozen or has no supervisor is told elsewhere.
      return error instanceof BerthError && error.code === 'exec_failed' ? 'the command could not be started' : null;
    }
  };
}

/** Resolves when nothing of it is left. */
async function resultOf(
  execution: Pick<Execution, 'ended' | 'kill'>,
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
    return late ? `the command did not end within ${timeout}` : judge(end);
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
