// What the run directory had no room for: kept in memory and written again until it is on disk, so that the next supervisor finds
// it. Of one id only the newest counts.
const RETRY_MS = 1000;

export class Unwritten {
  readonly #onProblem: (problem: string) => void;
  readonly #retryMs: number;
  readonly #waiting = new Map<string, () => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onProblem: (problem: string) => void, retryMs = RETRY_MS) {
    this.#onProblem = onProblem;
    this.#retryMs = retryMs;
  }

  /** Never throws: what fails is tried again each second. */
  write(what: string, id: string, work: () => void): void {
    try {
      work();
      this.drop(id);
    } catch (error) {
      this.#onProblem(`${what} is only in memory: ${String(error)}`);
      this.#waiting.set(id, work);
      this.#timer ??= setInterval(() => this.flush(), this.#retryMs).unref();
    }
  }

  drop(id: string): void {
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether nothing is left. */
  flush(): boolean {
    for (const [id, work] of [...this.#waiting]) {
      try {
        work();
        this.drop(id);
      } catch {
        // Told once; tried again.
      }
    }
    return this.#waiting.size === 0;
  }
}
