// An answer that is costly to find: asked for by many at once it is found once, and it is kept for a moment.

export class Shared<T> {
  readonly #find: () => Promise<T>;
  readonly #keepMs: number;
  readonly #now: () => number;
  #current: Promise<T> | undefined;
  #until = 0;

  /** `now` in milliseconds of a clock that nobody sets. */
  constructor(find: () => Promise<T>, keepMs: number, now: () => number = () => performance.now()) {
    this.#find = find;
    this.#keepMs = keepMs;
    this.#now = now;
  }

  /** The next one looks anew: something has changed. */
  forget(): void {
    this.#current = undefined;
  }

  /** A failure is everybody's who waits for it, and is not kept. */
  get(): Promise<T> {
    if (this.#current !== undefined && this.#now() < this.#until) return this.#current;
    const current = this.#find();
    this.#current = current;
    this.#until = Number.POSITIVE_INFINITY;
    current.then(
      () => {
        if (this.#current === current) this.#until = this.#now() + this.#keepMs;
      },
      () => {
        if (this.#current === current) this.#current = undefined;
      },
    );
    return current;
  }
}
