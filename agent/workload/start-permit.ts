// A workload's permit to start, or to be thawed. Asked for once and not awaited by the actor: while the request is in the
// queue every other wish is heard, and a delete never waits for it.
import type { GovernorPort, Permit } from '../density/governor/types.js';
import type { WorkloadRecord } from '../model/record.js';

/** An error of its own for each would be made at each start, for nobody. */
const NOT_WANTED = new Error('the permit to start is not wanted any more');

export class StartPermit {
  readonly #governor: GovernorPort | undefined;
  readonly #onNews: () => void;
  #asked: AbortController | undefined;
  /** For a start that is under way. */
  #permit: Permit | undefined;
  /** Of the start before: its process runs and settles. */
  #settling: Permit | undefined;
  #refusal: { readonly error: unknown } | undefined;
  /** Somebody asks for this start now, and may be refused; what the agent finds or repeats by itself waits instead. */
  cold = false;

  /** `onNews`: the permit is there, or will not come. */
  constructor(governor: GovernorPort | undefined, onNews: () => void) {
    this.#governor = governor;
    this.#onNews = onNews;
  }

  /** Whether the permit is there; asks for it where that was not done. Throws `deadline_exceeded` when it will not come. */
  take({ id, spec }: Pick<WorkloadRecord, 'id' | 'spec'>): boolean {
    if (this.#governor === undefined || this.#permit !== undefined) return true;
    if (this.#refusal !== undefined) {
      const { error } = this.#refusal;
      this.leave();
      throw error;
    }
    if (this.#asked === undefined) this.#ask(this.#governor, id, spec);
    return this.#permit !== undefined;
  }

  /** The start is over: its process runs in this cgroup and settles, or it failed. Without a permit nothing was begun. */
  over(cgroup?: string, serves?: () => boolean): void {
    const permit = this.#permit;
    if (permit === undefined) return;
    this.#permit = undefined;
    this.leave();
    if (cgroup === undefined) {
      permit.end();
      return;
    }
    permit.runs(cgroup, serves);
    this.#settling = permit;
  }

  /** The process has ended: it settles no longer. */
  ended(): void {
    this.#settling?.end();
    this.#settling = undefined;
  }

  /** The permit is not needed any more, or not wanted; its place goes to others. */
  leave(): void {
    this.#asked?.abort(NOT_WANTED);
    this.#permit?.end();
    this.ended();
    this.#asked = undefined;
    this.#permit = undefined;
    this.#refusal = undefined;
    this.cold = false;
  }

  #ask(governor: GovernorPort, id: string, { tenant, priority, driver }: WorkloadRecord['spec']): void {
    const asked = new AbortController();
    this.#asked = asked;
    const kind = this.cold ? 'cold' : 'resume';
    const answer = governor.admit({ id, tenant, priority, kind, shape: driver, signal: asked.signal });
    if (!(answer instanceof Promise)) {
      this.#permit = answer;
      return;
    }
    answer.then(
      (permit) => {
        if (asked.signal.aborted) return permit.end();
        this.#permit = permit;
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
