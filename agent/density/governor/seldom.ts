// A storm of starts must not become a storm of events.

export class Seldom {
  readonly #everyMs: number;
  readonly #last = new Map<string, { at: number; left: number }>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** How many of this kind were left out since the last one that was told; undefined: this one is left out, too. */
  ask(kind: string, now: number): number | undefined {
    const last = this.#last.get(kind);
    if (last !== undefined && now - last.at < this.#everyMs) {
      last.left += 1;
      return undefined;
    }
    this.#last.set(kind, { at: now, left: 0 });
    return last?.left ?? 0;
  }
}
