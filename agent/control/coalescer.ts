// Equal refusals are one event with a count. A scheduler that tries the same workload a thousand times has news for nobody
// after the first: what follows is counted, and told after ten seconds, then after twice as long each time it goes on.
import type { NewEvent } from '../model/event.js';

const COALESCED: ReadonlySet<string> = new Set([
  ...['admission.refused', 'start.refused', 'start.queued', 'workload.pids_refused', 'tenant.pids_refused'],
]);
const FIRST_MS = 10_000;
const LONGEST_MS = 300_000;
/** Beyond these, refusals of one type are one event, whatever they name: a stranger chooses the names. */
const MOST_KINDS = 1000;

interface Kind {
  timer: NodeJS.Timeout;
  windowMs: number;
  /** Since the last one was told. */
  count: number;
  last: NewEvent;
}

export interface CoalescerOptions {
  readonly append: (event: NewEvent) => void;
  readonly firstMs?: number;
}

export class Coalescer {
  readonly #append: (event: NewEvent) => void;
  readonly #firstMs: number;
  readonly #kinds = new Map<string, Kind>();

  constructor({ append, firstMs = FIRST_MS }: CoalescerOptions) {
    this.#append = append;
    this.#firstMs = firstMs;
  }

  /** True: it is counted, and told later with all that are equal to it. */
  takes(event: NewEvent): boolean {
    if (!COALESCED.has(event.type)) return false;
    const key = this.#keyOf(event);
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      this.#kinds.set(key, { timer: this.#after(key, this.#firstMs), windowMs: this.#firstMs, count: 0, last: event });
      return false;
    }
    kind.count++;
    kind.last = event;
    return true;
  }

  /** Tells what was counted; the end. */
  close(): void {
    for (const kind of this.#kinds.values()) {
      clearTimeout(kind.timer);
      this.#tell(kind);
    }
    this.#kinds.clear();
  }

  #keyOf({ type, tenant = '', data = {} }: NewEvent): string {
    const { dimension, scope, code } = data as Readonly<Record<string, unknown>>;
    const key = JSON.stringify([type, tenant, dimension, scope, code]);
    return this.#kinds.size < MOST_KINDS || this.#kinds.has(key) ? key : type;
  }

  #after(key: string, ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const kind = this.#kinds.get(key);
      if (kind === undefined) return;
      if (kind.count === 0) {
        this.#kinds.delete(key);
        return;
      }
      this.#tell(kind);
      kind.windowMs = Math.min(LONGEST_MS, kind.windowMs * 2);
      kind.timer = this.#after(key, kind.windowMs);
    }, ms).unref();
  }

  #tell(kind: Kind): void {
    if (kind.count === 0) return;
    const { last, count } = kind;
    kind.count = 0;
    this.#append({ ...last, data: { ...last.data, count } });
  }
}
