// Calls to a peer that owes an answer. Each ends exactly once: with its answer, at its deadline, by its signal, or with the
// peer. What it held, a timer and a listener, goes with it; an answer that comes later finds nobody.
import { after, type Timer } from './timers.js';

export interface Patience {
  /** Gives the call up, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Absent: the caller has a deadline of another kind. */
  readonly deadlineMs?: number;
  /** The error of a call whose deadline has passed. */
  readonly tooLate?: () => Error;
  /** Told that the caller has given up, by deadline or signal; not of an answer. */
  readonly givenUp?: () => void;
}

interface Call<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export class PendingCalls<T> {
  readonly #calls = new Map<number, Call<T>>();

  get size(): number {
    return this.#calls.size;
  }

  /** Whether somebody still waits for this one. */
  has(id: number): boolean {
    return this.#calls.has(id);
  }

  /** Rejects at once with the reason of a signal that is aborted already. */
  wait(id: number, { signal, deadlineMs, tooLate, givenUp }: Patience = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      let timer: Timer | undefined;
      const release = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', abort);
        this.#calls.delete(id);
      };
      const giveUp = (reason: unknown): void => {
        release();
        givenUp?.();
        reject(reason);
      };
      const abort = (): void => giveUp(signal?.reason);
      if (deadlineMs !== undefined)
        timer = after(deadlineMs, () => giveUp(tooLate?.() ?? new Error(`no answer within ${deadlineMs} ms`)));
      signal?.addEventListener('abort', abort, { once: true });
      this.#calls.set(id, {
        resolve: (value) => {
          release();
          resolve(value);
        },
        reject: (error) => {
          release();
          reject(error);
        },
      });
    });
  }

  /** False: nobody waits for it any more. */
  resolve(id: number, value: T): boolean {
    const call = this.#calls.get(id);
    call?.resolve(value);
    return call !== undefined;
  }

  /** False: nobody waits for it any more. */
  reject(id: number, error: unknown): boolean {
    const call = this.#calls.get(id);
    call?.reject(error);
    return call !== undefined;
  }

  rejectAll(error: unknown): void {
    for (const { reject } of [...this.#calls.values()]) reject(error);
  }
}
