// From counters to use: a counter of cpu time says how many cores only together with the one before it.

export interface Counters {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export class Usage {
  readonly #last = new Map<string, Counters & { readonly at: number }>();

  /**
   * Use of the time since the last call for this id, ms; undefined for the first one, and after a start anew, which sets
   * the counter back.
   */
  between(id: string, counters: Counters, at: number): { cpu: number; memory: number } | undefined {
    const last = this.#last.get(id);
    this.#last.set(id, { ...counters, at });
    if (last === undefined || at <= last.at || counters.cpuSeconds < last.cpuSeconds) return undefined;
    return { cpu: ((counters.cpuSeconds - last.cpuSeconds) * 1000) / (at - last.at), memory: counters.memoryBytes };
  }

  /** Only these exist. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
  }
}
