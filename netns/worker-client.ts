// The main thread's side of the worker: matches answers to calls, and survives the worker's death.
import { constants } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { SysError } from '../linux/errors.js';
import type { Hint } from './monitor/hints.js';
import { type Call, decodeError, type FromWorker, type Result, type Results, type ToWorker } from './protocol.js';

interface Pending {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** One incarnation of the thread with the calls it owes an answer to. */
interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

export interface ClientOptions {
  readonly start: () => Worker;
  readonly onCrash: (error: Error) => void;
  /** What a new thread is told before anything else. */
  readonly greeting: () => readonly Call[];
  readonly onHints: (hints: readonly Hint[]) => void;
}

export class WorkerClient {
  readonly #options: ClientOptions;
  #thread: Thread | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#thread = this.#start();
  }

  /**
   * Rejects with what the call threw, or with SysError ECANCELED when the thread died before it answered; the call
   * may or may not have taken effect then, and may be repeated.
   */
  async call<C extends Call>(call: C): Promise<Results[C['method']]> {
    if (this.#closed) {
      throw new SysError('network room', constants.errno.ECANCELED, { path: call.method, note: 'it is closed' });
    }
    return (await this.#post(call)) as Results[C['method']];
  }

  /** Calls that wait for an answer. */
  get waiting(): number {
    return this.#thread?.pending.size ?? 0;
  }

  /** Finishes the calls that are under way, then ends the thread. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    const ended = new Promise<void>((resolve) => thread.worker.once('exit', () => resolve()));
    await this.#post({ method: 'close' }).catch(() => undefined);
    await ended;
  }

  #post(call: Call): Promise<Result> {
    // A dead thread is replaced by the next call rather than at once: one that cannot start must not spin.
    this.#thread ??= this.#start();
    const { worker, pending } = this.#thread;
    const id = this.#nextId++;
    const request: ToWorker = { ...call, id };
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      worker.postMessage(request);
    });
  }

  #start(): Thread {
    const worker = this.#options.start();
    const thread: Thread = { worker, pending: new Map() };
    let cause: Error | undefined;
    worker.on('message', (answer: FromWorker) => {
      if ('hints' in answer) return this.#options.onHints(answer.hints);
      const pending = thread.pending.get(answer.id);
      thread.pending.delete(answer.id);
      if ('error' in answer) pending?.reject(decodeError(answer.error));
      else pending?.resolve(answer.result);
    });
    worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => this.#ended(thread, code, cause));
    for (const call of this.#options.greeting()) worker.postMessage({ ...call, id: 0 } satisfies ToWorker);
    return thread;
  }

  #ended(thread: Thread, code: number, cause: Error | undefined): void {
    if (this.#thread === thread) this.#thread = undefined;
    if (this.#closed && cause === undefined && thread.pending.size === 0) return;
    const why = cause === undefined ? `it exited with code ${code}` : cause.message;
    const note = `the network thread ended (${why}); the outcome is unknown, the call may be repeated`;
    const error = new SysError('network thread', constants.errno.ECANCELED, { note });
    for (const pending of thread.pending.values()) pending.reject(error);
    thread.pending.clear();
    this.#options.onCrash(cause ?? error);
  }
}
