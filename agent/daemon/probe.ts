// What the watchdog calls progress: every room has answered one small question, whatever the number of workloads.

export type Questions = Readonly<Record<string, () => Promise<unknown>>>;

export class Probe {
  readonly #questions: Questions;
  readonly #waiting = new Set<string>();

  constructor(questions: Questions) {
    this.#questions = questions;
  }

  /**
   * Resolves when all have answered. Rejects when one fails, or still owes the answer of the round before: a room that
   * hangs is asked no further, and named.
   */
  async run(): Promise<void> {
    const late = [...this.#waiting];
    if (late.length > 0) throw new Error(`no answer from ${late.join(', ')}`);
    await Promise.all(
      Object.entries(this.#questions).map(async ([room, ask]) => {
        this.#waiting.add(room);
        try {
          await ask();
        } finally {
          this.#waiting.delete(room);
        }
      }),
    );
  }
}
