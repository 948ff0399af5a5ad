// How often something is put right before it is only reported. Somebody who changes a thing again and again means it; two
// programs that undo each other for ever help nobody.

export interface RepairLimits {
  /** Repairs of one thing within `windowMs`. */
  readonly repairs: number;
  readonly windowMs: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
}

export const REPAIR_LIMITS: RepairLimits = { repairs: 5, windowMs: 600_000, now: () => performance.now() };

export class RepairBudget {
  readonly #limits: RepairLimits;
  readonly #spent = new Map<string, number[]>();

  constructor(limits: Partial<RepairLimits> = {}) {
    this.#limits = { ...REPAIR_LIMITS, ...limits };
  }

  /** Whether `key` may be repaired once more; then that counts. */
  spend(key: string): boolean {
    const { repairs, windowMs, now } = this.#limits;
    const recent = (this.#spent.get(key) ?? []).filter((at) => at > now() - windowMs);
    if (recent.length < repairs) recent.push(now());
    else return false;
    this.#spent.set(key, recent);
    return true;
  }

  /** Of all keys that begin so. */
  forget(prefix: string): void {
    for (const key of this.#spent.keys()) if (key.startsWith(prefix)) this.#spent.delete(key);
  }
}
