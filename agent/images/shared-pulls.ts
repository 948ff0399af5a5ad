// Pulls under way, by name: ten who ask for one image wait for one pull. A pull ends when nobody waits for it any more. At most so many
// run at once, the others wait in the order in which they were asked for. The disks of microVMs are made by the same rules (disks.ts).
import { abortWith } from '../../linux/signals.js';

interface Running<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiters: number;
}

export class SharedPulls<T> {
  readonly #running = new Map<string, Running<T>>();
  readonly #most: () => number;
  #active = 0;
  readonly #queue: (() => void)[] = [];

  constructor(most: () => number) {
    this.#most = most;
  }

  /** Pulls that run or wait. */
  get size(): number {
    return this.#running.size;
  }

  /** What `pull` resolves with, of this call or of one before. Rejects with the reason of `signal`, too. */
  async run(key: string, pull: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    let running = this.#running.get(key);
    if (running === undefined || running.end.signal.aborted) {
      const end = new AbortController();
      running = { end, waiters: 0, result: this.#inTurn(pull, end.signal) };
      this.#running.set(key, running);
      const mine = running;
      const over = (): void => {
        if (this.#running.get(key) === mine) this.#running.delete(key);
      };
      mine.result.then(over, over);
    }
    return await waitFor(running, signal);
  }

  async #inTurn(pull: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    while (this.#active >= this.#most()) {
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      signal.throwIfAborted();
    }
    this.#active += 1;
    try {
      return await pull(signal);
    } finally {
      this.#active -= 1;
      // All of them: the first may have gone away. Each looks again, and those that still wait keep their order.
      for (const wake of this.#queue.splice(0)) wake();
    }
  }
}

function waitFor<T>(running: Running<T>, signal: AbortSignal | undefined): Promise<T> {
  running.waiters += 1;
  return new Promise<T>((resolve, reject) => {
    const gone = new AbortController();
    const letGo = abortWith(gone, signal);
    const leave = (): void => {
      letGo();
      running.waiters -= 1;
    };
    gone.signal.addEventListener(
      'abort',
      () => {
        leave();
        if (running.waiters === 0) running.end.abort(signal?.reason);
        reject(signal?.reason);
      },
      { once: true },
    );
    running.result.then(
      (value) => {
        if (!gone.signal.aborted) leave();
        resolve(value);
      },
      (error: unknown) => {
        if (!gone.signal.aborted) leave();
        reject(error);
      },
    );
  });
}
