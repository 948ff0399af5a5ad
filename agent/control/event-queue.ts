// Events between a socket and the loop that reads them. Failure comes after what was queued before it.
import type { BerthEvent } from '../model/event.js';

export class EventQueue {
  readonly #events: BerthEvent[] = [];
  readonly #onChange: () => void;
  #failure: { readonly error: unknown } | undefined;
  #waiting: { readonly resolve: (event: BerthEvent) => void; readonly reject: (error: unknown) => void } | undefined;

  /** `onChange` is called whenever the length has changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get length(): number {
    return this.#events.length;
  }

  push(event: BerthEvent): void {
    if (this.#waiting !== undefined) {
      this.#waiting.resolve(event);
      this.#waiting = undefined;
      return;
    }
    this.#events.push(event);
    this.#onChange();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  async next(): Promise<BerthEvent> {
    const event = this.#events.shift();
    if (event !== undefined) {
      this.#onChange();
      return event;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}
