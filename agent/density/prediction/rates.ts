// From counters to what one workload used on the average: a counter of cpu time says how many cores only together with the
// one before it. Sums over hosts and tenants are those of ../usage.ts.

export interface Counters {
  /** When they were read; ms of a clock that never goes back. */
  readonly at: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export class Rates {
  readonly #last = new Map<string, Counters>();

  /**
   * Use since the last call for this id; undefined for the first one, where nothing was read since, and after a start
   * anew, which sets the counter back.
   */
  between(id: string, counters: Counters): { cpu: number; memory: number } | undefined {
    const last = this.#last.get(id);
    this.#last.set(id, counters);
    const { at, cpuSeconds, memoryBytes } = counters;
    if (last === undefined || at <= last.at || cpuSeconds < last.cpuSeconds) return undefined;
    return { cpu: ((cpuSeconds - last.cpuSeconds) * 1000) / (at - last.at), memory: memoryBytes };
  }

  /** Only these exist. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
  }
}
