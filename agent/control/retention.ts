// Events that last are kept for a day, as far as their bounds allow. What was dropped earlier is said by a condition for as
// long as somebody could look for it.
import type { Condition } from '../model/condition.js';
import type { BerthEvent } from '../model/event.js';

export const DAY_MS = 86_400_000;

export class Retention {
  readonly #now: () => number;
  #count = 0;
  #last: { readonly at: number; readonly event: BerthEvent } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `event` was dropped; nothing where it was a day old. */
  lost(event: BerthEvent): void {
    const now = this.#now();
    if (now - event.at >= DAY_MS) return;
    if (!this.#holds()) this.#count = 0;
    this.#count++;
    this.#last = { at: now, event };
  }

  conditions(): readonly Condition[] {
    if (this.#last === undefined || !this.#holds()) return [];
    const { type, tenant } = this.#last.event;
    const whose = tenant === undefined ? '' : ` of tenant ${tenant}`;
    return [
      {
        ...{ code: 'events_short_retention', severity: 'warning' },
        title: 'events that last are kept for less than a day',
        why: `${this.#count} events were dropped before they were a day old, the last one ${type}${whose}: their share of the log was used up`,
        fix: `Find what repeats: \`berth events | grep ${type}\`. A scheduler that subscribes misses none.`,
      },
    ];
  }

  #holds(): boolean {
    return this.#last !== undefined && Math.abs(this.#now() - this.#last.at) < DAY_MS;
  }
}
