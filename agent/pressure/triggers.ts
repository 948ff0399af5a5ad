// Pressure triggers of the kernel, one for each scope and resource: they cost nothing while it is calm, and a descriptor
// each. Where one cannot be had, its scope is looked at with each sample of the metrics, and that is told.
import { codeOf } from '../../linux/errors.js';
import type { Closing, SignalPort } from './ports.js';
import type { Threshold } from './settings.js';

export interface Wanted {
  /** `host memory` */
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

interface Failure {
  readonly reason: string;
  readonly at: number;
}

export class Triggers {
  readonly #port: Pick<SignalPort, 'pressure'>;
  readonly #onFire: (key: string) => void;
  readonly #open = new Map<string, Open>();
  readonly #failed = new Map<string, Failure>();

  constructor(port: Pick<SignalPort, 'pressure'>, onFire: (key: string) => void) {
    this.#port = port;
    this.#onFire = onFire;
  }

  /** Opens what is missing and closes what is not wanted any more. The most important come first: `max` of them get one. */
  sync(wanted: readonly Wanted[], max: number, now: number): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const key of this.#failed.keys()) if (!keys.has(key)) this.#failed.delete(key);
    const served = new Map(wanted.slice(0, max).map((one) => [one.key, one]));
    for (const [key, open] of this.#open) if (!same(open.wanted, served.get(key))) this.#close(key, open);
    for (const one of served.values()) {
      const failure = this.#failed.get(one.key);
      const tried = failure !== undefined && now - failure.at < RETRY_MS;
      if (!this.#open.has(one.key) && !tried) this.#try(one, now);
    }
    for (const { key } of wanted.slice(max))
      if (!this.#failed.has(key)) this.#failed.set(key, { reason: `more than pressure.max_triggers ${max}`, at: now });
  }

  /** Those without a trigger, with the reason. */
  unobserved(): ReadonlyMap<string, string> {
    return new Map([...this.#failed].map(([key, { reason }]) => [key, reason]));
  }

  get size(): number {
    return this.#open.size;
  }

  close(): void {
    for (const [key, open] of this.#open) this.#close(key, open);
    this.#failed.clear();
  }

  #try(wanted: Wanted, now: number): void {
    const { key, file, threshold } = wanted;
    const trigger = { kind: threshold.kind, stallUsec: threshold.stall * 1000, windowUsec: WINDOW_USEC };
    try {
      this.#open.set(key, { wanted, watch: this.#port.pressure(file, trigger, () => this.#onFire(key)) });
      this.#failed.delete(key);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // The cgroup has gone meanwhile, or its kernel has no pressure files: the next list of workloads tells which.
      this.#failed.set(key, { reason: codeOf(error) === 'EOPNOTSUPP' ? `${reason} (psi=0)` : reason, at: now });
    }
  }

  #close(key: string, { watch }: Open): void {
    this.#open.delete(key);
    watch.close();
  }
}

function same(a: Wanted, b: Wanted | undefined): boolean {
  return b?.file === a.file && b.threshold.kind === a.threshold.kind && b.threshold.stall === a.threshold.stall;
}
