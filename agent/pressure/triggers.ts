// Pressure triggers of the kernel, one for each threshold: they cost nothing while it is calm, and a descriptor
// each. Where one cannot be had, its scope is looked at with each sample of the metrics, and that is told.
import { messageOf } from '../../linux/errors.js';
import { sliced } from '../../linux/sliced.js';
import type { Closing, SignalPort } from './ports.js';
import type { Threshold } from './settings.js';

export interface Wanted {
  /** Of the scope and resource: `host memory`. */
  readonly key: string;
  readonly file: string;
  readonly threshold: Threshold;
}

const WINDOW_USEC = 1_000_000;
/** A trigger that could not be had is asked for again no sooner. */
const RETRY_MS = 60_000;
/** A look into a map for each: only the time is bounded. */
const MANY = { most: 5000 };

interface Open {
  readonly wanted: Wanted;
  readonly watch: Closing;
}

export interface Unobserved {
  readonly key: string;
  readonly reason: string;
  /** Only because there are so many; the kernel has not refused it. */
  readonly crowded: boolean;
  readonly at: number;
}

export class Triggers {
  readonly #port: Pick<SignalPort, 'pressure'>;
  readonly #onFire: (wanted: Wanted) => void;
  readonly #open = new Map<string, Open>();
  #failed: ReadonlyMap<string, Unobserved> = new Map();
  #unobserved: ReadonlyMap<string, Unobserved> = new Map();
  /** Counts what has been closed: a `sync` under way opens nothing after that. */
  #closed = 0;

  constructor(port: Pick<SignalPort, 'pressure'>, onFire: (wanted: Wanted) => void) {
    this.#port = port;
    this.#onFire = onFire;
  }

  /**
   * Opens what is missing and closes what is not wanted any more. The most important come first: `max` of them get one. In
   * slices, one call at a time; what was `unobserved` before counts until it resolves.
   */
  async sync(wanted: readonly Wanted[], max: number, now: number): Promise<void> {
    const closed = this.#closed;
    const reason = `more than pressure.max_triggers, ${max}`;
    const served = new Map<string, Wanted>();
    const failed = new Map<string, Unobserved>();
    for await (const one of sliced(wanted, MANY)) {
      const name = nameOf(one);
      if (served.size < max) served.set(name, one);
      else failed.set(name, { key: one.key, reason, crowded: true, at: now });
    }
    for await (const [name, open] of sliced(this.#open)) {
      if (closed !== this.#closed) return;
      if (served.get(name)?.file !== open.wanted.file) this.#close(name, open);
    }
    for await (const [name, one] of sliced(served)) {
      if (closed !== this.#closed) return;
      if (this.#open.has(name)) continue;
      const before = this.#failed.get(name);
      const isEarly = before !== undefined && !before.crowded && now - before.at < RETRY_MS;
      const failure = isEarly ? before : this.#try(name, one, now);
      if (failure !== undefined) failed.set(name, failure);
    }
    const unobserved = new Map<string, Unobserved>();
    for await (const failure of sliced(failed.values(), MANY)) unobserved.set(failure.key, failure);
    if (closed !== this.#closed) return;
    this.#failed = failed;
    this.#unobserved = unobserved;
  }

  /** By key, those without a trigger since the last `sync`: asked for with each sample of each workload. */
  get unobserved(): ReadonlyMap<string, Unobserved> {
    return this.#unobserved;
  }

  get size(): number {
    return this.#open.size;
  }

  close(): void {
    this.#closed++;
    for (const [name, open] of this.#open) this.#close(name, open);
    this.#failed = new Map();
    this.#unobserved = new Map();
  }

  #try(name: string, wanted: Wanted, now: number): Unobserved | undefined {
    const { key, file, threshold } = wanted;
    const trigger = { kind: threshold.kind, stallUsec: threshold.stall * 1000, windowUsec: WINDOW_USEC };
    try {
      this.#open.set(name, { wanted, watch: this.#port.pressure(file, trigger, () => this.#onFire(wanted)) });
      return undefined;
    } catch (error) {
      return { key, reason: messageOf(error), crowded: false, at: now };
    }
  }

  #close(name: string, { watch }: Open): void {
    this.#open.delete(name);
    watch.close();
  }
}

function nameOf({ key, threshold }: Wanted): string {
  return `${key} ${threshold.kind} ${threshold.stall}`;
}
