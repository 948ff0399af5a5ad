// Pressure triggers of the kernel, one for each threshold: they cost nothing while it is calm, and a descriptor
// each. Where one cannot be had, its scope is looked at with each sample of the metrics, and that is told.
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
  readonly #failed = new Map<string, Unobserved>();
  #unobserved: ReadonlyMap<string, Unobserved> = new Map();

  constructor(port: Pick<SignalPort, 'pressure'>, onFire: (wanted: Wanted) => void) {
    this.#port = port;
    this.#onFire = onFire;
  }

  /** Opens what is missing and closes what is not wanted any more. The most important come first: `max` of them get one. */
  sync(wanted: readonly Wanted[], max: number, now: number): void {
    const names = new Set(wanted.map(nameOf));
    for (const name of this.#failed.keys()) if (!names.has(name)) this.#failed.delete(name);
    const served = new Map(wanted.slice(0, max).map((one) => [nameOf(one), one]));
    for (const [name, open] of this.#open) if (served.get(name)?.file !== open.wanted.file) this.#close(name, open);
    for (const [name, one] of served) {
      const failure = this.#failed.get(name);
      const tried = failure !== undefined && !failure.crowded && now - failure.at < RETRY_MS;
      if (!this.#open.has(name) && !tried) this.#try(name, one, now);
    }
    const reason = `more than pressure.max_triggers, ${max}`;
    for (const one of wanted.slice(max))
      this.#failed.set(nameOf(one), { key: one.key, reason, crowded: true, at: now });
    this.#unobserved = new Map([...this.#failed.values()].map((failure) => [failure.key, failure]));
  }

  /** By key, those without a trigger since the last `sync`: asked for with each sample of each workload. */
  get unobserved(): ReadonlyMap<string, Unobserved> {
    return this.#unobserved;
  }

  get size(): number {
    return this.#open.size;
  }

  close(): void {
    for (const [name, open] of this.#open) this.#close(name, open);
    this.#failed.clear();
    this.#unobserved = new Map();
  }

  #try(name: string, wanted: Wanted, now: number): void {
    const { key, file, threshold } = wanted;
    const trigger = { kind: threshold.kind, stallUsec: threshold.stall * 1000, windowUsec: WINDOW_USEC };
    try {
      this.#open.set(name, { wanted, watch: this.#port.pressure(file, trigger, () => this.#onFire(wanted)) });
      this.#failed.delete(name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failed.set(name, { key, reason, crowded: false, at: now });
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
