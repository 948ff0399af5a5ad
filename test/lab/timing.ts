import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from './errors.js';

/** Deadlines are for a slow, shared machine already; BERTH_LAB_TIMEOUT_FACTOR stretches all of them further. */
export function scaled(ms: number, env: NodeJS.ProcessEnv = process.env): number {
  const factor = Number(env.BERTH_LAB_TIMEOUT_FACTOR ?? '1');
  return Math.round(ms * (Number.isFinite(factor) && factor > 0 ? factor : 1));
}

export interface PollOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Added to the timeout error: the evidence, such as the end of a console. */
  readonly explain?: (() => string) | undefined;
}

/** Calls `probe` until it gives something other than undefined. `timeoutMs` is taken before scaling. */
export async function poll<T>(probe: () => Promise<T | undefined>, options: PollOptions): Promise<T> {
  const deadline = Date.now() + scaled(options.timeoutMs);
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) {
      const evidence = options.explain === undefined ? '' : `\n${options.explain()}`;
      const seconds = Math.round(scaled(options.timeoutMs) / 1000);
      throw new LabError('lab_timeout', `${options.what}: not within ${seconds} s${evidence}`, {
        hint: 'on a very slow machine set BERTH_LAB_TIMEOUT_FACTOR=3',
      });
    }
    await delay(options.everyMs ?? 200, undefined, { signal: options.signal });
  }
}
