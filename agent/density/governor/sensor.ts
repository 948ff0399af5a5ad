// What the host said in the last interval: pressure from the kernel, and how long network operations and starts took.
import { Recent, Usual } from './latency.js';
import { pressureBetween } from './pressure.js';
import type { GovernorPorts, PressureSample, Signal, Signals } from './types.js';

export class Sensor {
  readonly #ports: Pick<GovernorPorts, 'now' | 'pressure'>;
  readonly #network = new Recent();
  readonly #starts = new Recent();
  readonly #usual = new Usual();
  #sample: { readonly at: number; readonly pressure: PressureSample | undefined };
  #signals: Signals = {};
  #pressed = false;

  constructor(ports: Pick<GovernorPorts, 'now' | 'pressure'>) {
    this.#ports = ports;
    this.#sample = { at: ports.now(), pressure: ports.pressure() };
  }

  /** Of the last interval. */
  get signals(): Signals {
    return this.#signals;
  }

  /** One of them was above its limit. */
  get pressed(): boolean {
    return this.#pressed;
  }

  networkTook(ms: number): void {
    this.#network.add(ms, this.#ports.now());
  }

  startTook(shape: string, ms: number): void {
    this.#starts.add(this.#usual.factor(shape, ms), this.#ports.now());
    this.#usual.learn(shape, ms, !this.#pressed);
  }

  /** Ends the interval. */
  read(limits: Required<Signals>): Signals {
    const now = this.#ports.now();
    const pressure = this.#ports.pressure();
    this.#signals = {
      ...pressureBetween(this.#sample.pressure, pressure, now - this.#sample.at),
      network: this.#network.median(now),
      start: this.#starts.median(now),
    };
    this.#sample = { at: now, pressure };
    this.#pressed = (Object.keys(limits) as Signal[]).some((name) => {
      const [value, limit] = [this.#signals[name], limits[name]];
      return value !== undefined && limit !== undefined && value > limit;
    });
    return this.#signals;
  }
}
