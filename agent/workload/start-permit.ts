// A workload's turn to start, or to be thawed. Asked for once and not awaited by the actor: while it is in the queue every
// other wish is heard, and a delete never waits for it.
import type { GovernorPort, Release } from '../density/governor/types.js';
import type { WorkloadRecord } from '../model/record.js';

export class StartPermit {
  readonly #governor: GovernorPort | undefined;
  readonly #onNews: () => void;
  #asked: AbortController | undefined;
  #release: Release | undefined;
  #refusal: { readonly error: unknown } | undefined;
  /** Somebody asks for this start now, and may be told no; what the agent finds or repeats by itself waits instead. */
  cold = false;

  /** `onNews`: its turn has come, or will not. */
  constructor(governor: GovernorPort | undefined, onNews: () => void) {
    this.#governor = governor;
    this.#onNews = onNews;
  }

  /** Whether its turn has come; asks for it where that was not done. Throws `deadline_exceeded` when it will not come. */
  take({ id, spec }: Pick<WorkloadRecord, 'id' | 'spec'>): boolean {
    if (this.#governor === undefined || this.#release !== undefined) return true;
    if (this.#refusal !== undefined) {
      const { error } = this.#refusal;
      this.leave();
      throw error;
    }
    if (this.#asked === undefined) this.#ask(this.#governor, id, spec);
    return false;
  }

  /** The start is over; nothing where there was none. */
  over(started: boolean): void {
    if (this.#release === undefined) return;
    this.#release(started);
    this.#release = undefined;
    this.leave();
  }

  /** The turn is not wanted any more. */
  leave(): void {
    this.#asked?.abort();
    this.#release?.(false);
    this.#asked = undefined;
    this.#release = undefined;
    this.#refusal = undefined;
    this.cold = false;
  }

  #ask(governor: GovernorPort, id: string, { tenant, priority, driver }: WorkloadRecord['spec']): void {
    const asked = new AbortController();
    this.#asked = asked;
    const kind = this.cold ? 'cold' : 'resume';
    governor.admit({ id, tenant, priority, kind, shape: driver, signal: asked.signal }).then(
      (release) => {
        if (asked.signal.aborted) return release(false);
        this.#release = release;
        this.#onNews();
      },
      (error: unknown) => {
        if (asked.signal.aborted) return;
        this.#refusal = { error };
        this.#onNews();
      },
    );
  }
}
