// One engine that has a socket: asked for all it runs at each look, and between two looks of what its events name. It may
// be absent, hang, restart or talk nonsense: then what was known stays known, and `why` says what is wrong.
import { stat } from 'node:fs/promises';
import { messageOf } from '../../../linux/errors.js';
import { after, type Timer } from '../../../linux/timers.js';
import { Serial } from '../../base/serial.js';
import type { EngineState } from '../../model/adopted.js';
import { type Channel, type Ended, EngineFault, type Found } from './engine.js';

export interface WatchOptions {
  readonly socket: string;
  readonly channel: Channel;
  /** Workloads kept. */
  readonly most: number;
  /** What runs, or how the engine does, has changed between two looks. */
  readonly onChange: () => void;
  /** Told before the workload leaves the list. */
  readonly onEnd: (ended: Ended) => void;
  /** Between the end of the stream of events and the next look. */
  readonly retryMs?: number;
  /** After so long what is not inspected waits for the next look. */
  readonly inspectMs?: number;
}

/** A compose file starts dozens of containers: events that come together are asked about together. */
const GATHER_MS = 50;
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
const INSPECT_MS = 10_000;
/** Requests at once: the engine has other work. */
const AT_ONCE = 4;
/** More events than that between two questions: the list is shorter. */
const MOST_TOLD = 1000;

export class EngineWatch {
  readonly #options: Required<WatchOptions>;
  readonly #turns = new Serial();
  readonly #closing = new AbortController();
  readonly #found = new Map<string, Found>();
  readonly #told = new Set<string>();
  /** Not inspected since they were told: at the next look. */
  readonly #overdue = new Set<string>();
  #following = false;
  #gathering: Timer | undefined;
  #retry: Timer | undefined;
  #retryMs: number;
  #state: EngineState = 'absent';
  #why: string | null = null;
  #dropped = 0;

  constructor(options: WatchOptions) {
    this.#options = { retryMs: RETRY_MS, inspectMs: INSPECT_MS, ...options };
    this.#retryMs = this.#options.retryMs;
  }

  get state(): EngineState {
    return this.#state;
  }

  get why(): string | null {
    return this.#why;
  }

  get dropped(): number {
    return this.#dropped;
  }

  found(): IterableIterator<Found> {
    return this.#found.values();
  }

  /** Never rejects but with the reason of the signal: what is wrong with an engine is a state. */
  look(signal: AbortSignal): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#closing.signal.aborted) return;
      try {
        await this.#all(signal, { anew: false });
      } catch (error) {
        signal.throwIfAborted();
        this.#failed(error);
      }
    });
  }

  close(): void {
    this.#closing.abort();
    this.#gathering?.cancel();
    this.#retry?.cancel();
  }

  /** `anew`: of what is known any may have changed. */
  async #all(signal: AbortSignal, { anew }: { readonly anew: boolean }): Promise<void> {
    const { socket, channel, most } = this.#options;
    if (!(await isThere(socket))) {
      this.#found.clear();
      this.#overdue.clear();
      [this.#state, this.#why, this.#dropped] = ['absent', null, 0];
      return;
    }
    // Before the list: what comes between the two is told.
    // While no stream was there, any of them may have changed, too.
    const unheard = anew || !this.#following;
    if (!this.#following) this.#follow();
    const ids = await channel.list(signal);
    const kept = new Set(ids.slice(0, most));
    for (const id of this.#found.keys()) if (!kept.has(id)) this.#found.delete(id);
    for (const id of this.#overdue) if (!kept.has(id)) this.#overdue.delete(id);
    const unknown = unheard ? kept : [...kept].filter((id) => !this.#found.has(id) || this.#overdue.has(id));
    const skipped = await this.#inspect(unknown, signal);
    this.#dropped = ids.length - kept.size;
    this.#state = 'up';
    this.#why = skipped;
  }

  /**
   * Why one of them could not be inspected: one container that is answered with nonsense does not hide the others, and an
   * engine that answers slowly holds up no other engine.
   */
  async #inspect(ids: Iterable<string>, signal: AbortSignal): Promise<string | null> {
    const { channel, most, inspectMs } = this.#options;
    for (const id of ids) this.#overdue.add(id);
    const left = [...ids][Symbol.iterator]();
    const since = performance.now();
    let skipped: string | null = null;
    let stopped = false;
    const work = async (): Promise<void> => {
      for (const id of left) {
        if (stopped) return;
        try {
          const found = await channel.inspect(id, signal);
          if (found === undefined) this.#found.delete(id);
          else if (this.#found.has(id) || this.#found.size < most) this.#found.set(id, found);
          this.#overdue.delete(id);
        } catch (error) {
          const kind = error instanceof EngineFault ? error.kind : undefined;
          if (kind === undefined || kind === 'hangs' || kind === 'unreachable') {
            stopped = true;
            throw error;
          }
          this.#overdue.delete(id);
          skipped = `${id.slice(0, 12)}: ${messageOf(error)}`;
        }
        // After the request: each look inspects some, however slow the engine is.
        if (performance.now() - since >= inspectMs) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const rest = [...left].length;
    return rest === 0 ? skipped : `${rest} not inspected yet`;
  }

  #follow(): void {
    this.#following = true;
    const { channel, retryMs } = this.#options;
    const since = performance.now();
    void channel
      .follow((id, ended) => {
        if (ended !== undefined) this.#options.onEnd(ended);
        this.#tell(id);
      }, this.#closing.signal)
      .then(() => new EngineFault('unreachable', 'the stream of events has ended'))
      .catch((error: unknown) => error)
      .then((error) => {
        this.#following = false;
        if (this.#closing.signal.aborted) return;
        // One that ends again and again is asked less and less often.
        if (performance.now() - since > LONGEST_RETRY_MS) this.#retryMs = retryMs;
        // While it restarts the socket may be gone for a moment: the next look says what is.
        this.#failed(error);
        this.#lookAgain();
      });
  }

  #lookAgain(): void {
    this.#retry?.cancel();
    this.#retry = after(this.#retryMs, () => {
      void this.look(this.#closing.signal).then(
        () => this.#options.onChange(),
        () => undefined,
      );
    }).unref();
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
  }

  #tell(id: string): void {
    if (this.#told.size < MOST_TOLD) this.#told.add(id);
    this.#gathering ??= after(GATHER_MS, () => {
      this.#gathering = undefined;
      void this.#turns.run(() => this.#changed()).catch(() => undefined);
    }).unref();
  }

  async #changed(): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const told = [...this.#told];
    this.#told.clear();
    try {
      if (told.length === MOST_TOLD) await this.#all(signal, { anew: true });
      else await this.#inspect(told, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(error);
    }
    this.#options.onChange();
  }

  #failed(error: unknown): void {
    this.#state = 'unreachable';
    this.#why = messageOf(error);
  }
}

async function isThere(socket: string): Promise<boolean> {
  return stat(socket).then(
    (found) => found.isSocket(),
    () => false,
  );
}
