// Standing problems of the node: what node.describe, readyz, doctor, metrics and the status page show alike. A part of
// the agent either raises a condition and clears it, or is a source that is evaluated whenever somebody asks.
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Condition } from '../model/condition.js';
import type { EventPort } from '../model/event.js';

export class Conditions {
  readonly #events: EventPort;
  readonly #log: Log;
  readonly #raised = new Map<string, Condition>();
  readonly #sources: (() => readonly Condition[])[] = [];
  #announced = new Map<string, Condition>();

  constructor(events: EventPort, log: Log) {
    this.#events = events;
    this.#log = log;
  }

  /** Holds until `clear`. Raising it again replaces its text and is not announced again. */
  raise(condition: Condition): void {
    const isNew = !this.#raised.has(condition.code);
    this.#raised.set(condition.code, condition);
    // Each write that fails raises it again: the sources are not all asked for that.
    if (isNew) this.announce();
  }

  /** Nothing where it was not raised. */
  clear(code: string): void {
    if (this.#raised.delete(code)) this.announce();
  }

  /** `source` is called each time that somebody asks: it must be cheap. One that throws is a condition itself. */
  add(source: () => readonly Condition[]): void {
    this.#sources.push(source);
  }

  all(): readonly Condition[] {
    return [...this.#raised.values(), ...this.#sources.flatMap(evaluated)];
  }

  /** Whether no condition keeps the node from its work. */
  get ready(): boolean {
    return !this.all().some(({ blocksReady }) => blocksReady === true);
  }

  /** One event and one log line for each code that has come or gone. To be called once a minute for the sources. */
  announce(): void {
    const now = new Map(this.all().map((condition) => [condition.code, condition]));
    const before = this.#announced;
    this.#announced = now;
    for (const [code, condition] of now) {
      if (before.has(code)) continue;
      const { severity, title, why, fix } = condition;
      this.#log.warn({ condition: code, severity, why, fix }, title);
      this.#events.append({ type: 'condition.raised', data: { code, severity, title, why, fix } });
    }
    for (const [code, { severity, title }] of before) {
      if (now.has(code)) continue;
      this.#log.info({ condition: code, severity }, `no longer: ${title}`);
      this.#events.append({ type: 'condition.cleared', data: { code, severity, title } });
    }
  }
}

function evaluated(source: () => readonly Condition[]): readonly Condition[] {
  try {
    return source();
  } catch (error) {
    const { message, hint } = reportOf(error);
    return [
      {
        ...{ code: 'condition_unreadable', severity: 'warning' },
        title: 'A condition of the node cannot be evaluated',
        why: message,
        fix: hint,
      },
    ];
  }
}
