// The main thread's side of the worker: one queue, answers matched to calls, and life goes on when the worker hangs or dies.
//
// A worker that hangs is left alone: it waits in the kernel for the network lock, in a sleep that no signal ends, and a
// second thread would wait for the same lock. All who wait are told, new calls are refused at once, and the first answer,
// however late, opens the queue again. A worker that dies is replaced by the next call.
import { constants } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { SysError } from '../linux/errors.js';
import { PendingCalls } from '../linux/pending-calls.js';
import { after, type Timer } from '../linux/timers.js';
import { DEADLINES, type Deadlines, unanswered } from './deadlines.js';
import type { Hint } from './monitor/hints.js';
import { type Call, decodeError, type FromWorker, type Result, type Results, type ToWorker } from './protocol.js';
import type { CallOptions, Overdue } from './types.js';

/** Calls that the worker has: the one it is on, and the next, so that it does not wait for this thread between two. */
const AHEAD = 2;

interface Queued {
  readonly id: number;
  readonly call: Call;
}

/** One incarnation of the thread with the calls it owes an answer to, in their order. */
interface Thread {
  readonly worker: Worker;
  readonly owes: Queued[];
  /** When it came to the first of them; a clock that nobody sets. */
  begunAt: number;
  deadline: Timer | undefined;
  isOverdue: boolean;
}

export interface ClientOptions {
  readonly start: () => Worker;
  readonly onCrash: (error: Error) => void;
  /** `overdue` has come or gone. */
  readonly onOverdue?: () => void;
  /** What a new thread is told before anything else. */
  readonly greeting: () => readonly Call[];
  readonly onHints: (hints: readonly Hint[]) => void;
  readonly deadlines?: Partial<Deadlines>;
}

export class WorkerClient {
  readonly #options: ClientOptions;
  readonly #deadlines: Deadlines;
  readonly #pending = new PendingCalls<Result>();
  /** Calls that the worker does not have yet, in their order. */
  readonly #queue = new Map<number, Queued>();
  #thread: Thread | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#deadlines = { ...DEADLINES, ...options.deadlines };
    this.#thread = this.#start();
  }

  /**
   * Rejects with what the call threw; with SysError ECANCELED when the thread died before it answered, and with ETIMEDOUT
   * when it hangs: what the worker had begun may or may not take effect then, and may be repeated. With the reason of the
   * signal, too.
   */
  async call<C extends Call>(call: C, options: CallOptions = {}): Promise<Results[C['method']]> {
    if (this.#closed) {
      throw new SysError('network room', constants.errno.ECANCELED, { path: call.method, note: 'it is closed' });
    }
    return (await this.#ask(call, options)) as Results[C['method']];
  }

  /** Calls that wait for an answer. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** The call that the worker hangs on; undefined: it answers. */
  get overdue(): Overdue | undefined {
    const [head] = this.#thread?.owes ?? [];
    if (this.#thread?.isOverdue !== true || head === undefined) return undefined;
    return { operation: head.call.method, ageMs: performance.now() - this.#thread.begunAt };
  }

  /** Finishes the calls that are under way, then ends the thread. One that hangs is not waited for. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    const ended = new Promise<void>((resolve) => thread.worker.once('exit', () => resolve()));
    try {
      await this.#ask({ method: 'close' }, {});
    } catch {
      thread.worker.unref();
      void thread.worker.terminate();
      if (thread.isOverdue) return;
    }
    await ended;
  }

  async #ask(call: Call, { signal }: CallOptions): Promise<Result> {
    const { overdue } = this;
    if (overdue !== undefined) throw unanswered(call.method, overdue, false);
    const id = this.#nextId++;
    const answer = this.#pending.wait(id, { signal, givenUp: () => void this.#queue.delete(id) });
    if (this.#pending.has(id)) this.#queue.set(id, { id, call });
    this.#post();
    return await answer;
  }

  /** Gives the worker what it may have, and the one it is on a deadline. */
  #post(): void {
    if (this.#queue.size === 0) return;
    // A dead thread is replaced by the next call rather than at once: one that cannot start must not spin.
    this.#thread ??= this.#start();
    const thread = this.#thread;
    for (const queued of this.#queue.values()) {
      if (thread.owes.length >= AHEAD) break;
      this.#queue.delete(queued.id);
      thread.owes.push(queued);
      thread.worker.postMessage({ ...queued.call, id: queued.id } satisfies ToWorker);
      if (thread.owes.length === 1) this.#begin(thread);
    }
  }

  #begin(thread: Thread): void {
    thread.deadline?.cancel();
    const [head] = thread.owes;
    if (head === undefined) return;
    thread.begunAt = performance.now();
    thread.deadline = after(this.#deadlines[head.call.method], () => this.#hangs(thread)).unref();
  }

  #hangs(thread: Thread): void {
    thread.isOverdue = true;
    const { overdue } = this;
    if (overdue === undefined) return;
    for (const { id, call } of thread.owes) this.#pending.reject(id, unanswered(call.method, overdue, true));
    const behind = [...this.#queue.values()];
    this.#queue.clear();
    for (const { id, call } of behind) this.#pending.reject(id, unanswered(call.method, overdue, false));
    this.#options.onOverdue?.();
  }

  #answered(thread: Thread, answer: Exclude<FromWorker, { readonly hints: unknown }>): void {
    // The greeting has no one who waits, and no place in the queue.
    if (thread.owes[0]?.id !== answer.id) return;
    const wasOverdue = thread.isOverdue;
    thread.isOverdue = false;
    thread.owes.shift();
    if (wasOverdue) this.#options.onOverdue?.();
    if ('error' in answer) this.#pending.reject(answer.id, decodeError(answer.error));
    else this.#pending.resolve(answer.id, answer.result);
    this.#begin(thread);
    this.#post();
  }

  #start(): Thread {
    const worker = this.#options.start();
    const thread: Thread = { worker, owes: [], begunAt: 0, deadline: undefined, isOverdue: false };
    let cause: Error | undefined;
    worker.on('message', (message: FromWorker | null) => {
      if (typeof message !== 'object' || message === null) return;
      if ('hints' in message) this.#options.onHints(message.hints);
      else if ('result' in message || 'error' in message) this.#answered(thread, message);
    });
    worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => this.#ended(thread, code, cause));
    for (const call of this.#options.greeting()) worker.postMessage({ ...call, id: 0 } satisfies ToWorker);
    return thread;
  }

  #ended(thread: Thread, code: number, cause: Error | undefined): void {
    thread.deadline?.cancel();
    const owed = thread.owes.splice(0);
    if (this.#thread === thread) this.#thread = undefined;
    if (this.#closed && cause === undefined && this.#pending.size === 0) return;
    const why = cause === undefined ? `it exited with code ${code}` : cause.message;
    const note = `the network thread ended (${why}); the outcome is unknown, the call may be repeated`;
    const error = new SysError('network thread', constants.errno.ECANCELED, { note });
    for (const { id } of owed) this.#pending.reject(id, error);
    const behind = [...this.#queue.keys()];
    this.#queue.clear();
    for (const id of behind) this.#pending.reject(id, error);
    this.#options.onCrash(cause ?? error);
  }
}
