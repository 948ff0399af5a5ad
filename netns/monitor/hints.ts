// What the monitor says: that something may be wrong, never that it is. Whoever hears it looks at that sandbox.

export interface Hint {
  /** `lost`: notifications were dropped, everything may have changed. */
  readonly kind: 'link' | 'address' | 'route' | 'firewall' | 'netns' | 'forwarding' | 'lost';
  /** Host link of the sandbox; null where no single one is concerned. */
  readonly link: string | null;
  /** What was changed: a link (of the host or of the namespace), a destination, a table, a name in /run/netns, a family. */
  readonly object: string;
}

/** Hints without repetition, in the order in which they came. */
export class HintSet {
  readonly #hints = new Map<string, Hint>();

  add(kind: Hint['kind'], link: string | null, object: string): void {
    this.#hints.set(`${kind} ${link ?? ''} ${object}`, { kind, link, object });
  }

  /** Drops what concerns these host links. */
  forget(links: ReadonlySet<string>): void {
    for (const [key, { link }] of this.#hints) if (link !== null && links.has(link)) this.#hints.delete(key);
  }

  /** All hints, leaving none. */
  take(): Hint[] {
    const hints = [...this.#hints.values()];
    this.#hints.clear();
    return hints;
  }
}
