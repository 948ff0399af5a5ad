// Updates under way. Lowering memory takes as long as the kernel needs to reclaim it, and everything else of the workload
// waits for that: it ends with whoever asked, with a wish that the workload is to go, and with the agent.
import { setMaxListeners } from 'node:events';
import { abortWith } from '../../linux/signals.js';
import { BerthError } from '../../protocol/errors.js';
import type { WorkloadRecord } from '../model/record.js';

export class Updates {
  readonly #closing = new AbortController();
  readonly #running = new Map<AbortController, { readonly id: string; readonly ended: Promise<unknown> }>();

  constructor() {
    setMaxListeners(0, this.#closing.signal);
  }

  /** `work` takes the signal on. Rejects as it does, and with the reason of a signal that is aborted already. */
  async run<T>(id: string, asked: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const end = new AbortController();
    const letGo = abortWith(end, this.#closing.signal, asked);
    try {
      end.signal.throwIfAborted();
      const ended = work(end.signal);
      this.#running.set(end, { id, ended });
      return await ended;
    } finally {
      letGo();
      this.#running.delete(end);
    }
  }

  /** What is to stop or go does not wait until its memory is smaller. */
  wished({ id, desired }: Pick<WorkloadRecord, 'id' | 'desired'>): void {
    if (desired === 'stopped' || desired === 'deleted') this.callOff(id, `it is to be ${desired}`);
  }

  callOff(id: string, why: string): void {
    const reason = new BerthError('invalid_state', `the update of workload "${id}" was called off: ${why}`);
    for (const [end, { id: of }] of this.#running) if (of === id) end.abort(reason);
  }

  /** Calls all of them off and begins no more; resolves when they have ended. */
  async close(): Promise<void> {
    this.#closing.abort(new BerthError('shutting_down', 'the agent is stopping'));
    await Promise.allSettled([...this.#running.values()].map(({ ended }) => ended));
  }
}
