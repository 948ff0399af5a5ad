// Families whose values are asked for at the scrape, so that a label value that is gone never lingers. A collector
// that fails is counted and leaves its families empty; the scrape itself goes on.
import { Counter, Gauge, type Registry } from 'prom-client';

export type Values = Iterable<readonly [labels: Record<string, string>, value: number]>;

/** Adds families to one registry. */
export class Collectors {
  readonly #registry: Registry;
  readonly #failures: Counter<'family'>;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#failures = new Counter({
      name: 'berth_scrape_errors_total',
      help: 'Families left empty in a scrape because their values could not be had.',
      labelNames: ['family'],
      registers: [registry],
    });
  }

  gauge(name: string, help: string, labelNames: readonly string[], values: () => Values): void {
    const read = (): Values => this.#read(name, values);
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        // A reset gauge without labels would say 0, which is an answer.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** For counters that are kept elsewhere: the value is the total so far. */
  counter(name: string, help: string, labelNames: readonly string[], values: () => Values): void {
    const read = (): Values => this.#read(name, values);
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  #read(family: string, values: () => Values): Values {
    try {
      return [...values()];
    } catch {
      this.#failures.inc({ family });
      return [];
    }
  }
}
