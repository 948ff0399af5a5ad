// Standing problems of the node: what node.describe, readyz, doctor, metrics and the status page show alike. A part of
// the agent either raises a condition and clears it, or is a source that is evaluated whenever somebody asks.
import type { Condition } from './service.js';
import type { EventPort, Log } from './workload/ports.js';

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
    this.#raised.set(condition.code, condition);
    this.announce();
  }

  /** Nothing where it was not raised. */
  clear(code: string): void {
    if (this.#raised.delete(code)) this.announce();
  }

  /** `source` is called each time that somebody asks: it must be cheap and must not throw. */
  add(source: () => readonly Condition[]): void {
    this.#sources.push(source);
  }

  all(): readonly Condition[] {
    return [...this.#raised.values(), ...this.#sources.flatMap((source) => source())];
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
