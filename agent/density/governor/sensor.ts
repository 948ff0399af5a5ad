// What the host said in the last interval: pressure from the kernel above the host's own quiet level, and how long network
// operations and starts took.
import { worst } from './bound.js';
import { Recent, Usual } from './latency.js';
import { pressureBetween } from './pressure.js';
import type { GovernorPorts, PressureSample, SignalLimits, Signals } from './types.js';

interface Sample {
  readonly at: number;
  readonly pressure: PressureSample | undefined;
}

const RESOURCES = ['cpu', 'io', 'memory'] as const;
/** A shorter time without starts says little about the host, and one of this length counts half. */
const QUIET = { leastMs: 5000, halfMs: 60_000 };
/** A host that is never quiet can still be pressed. */
const QUIET_MOST = 0.8;

export class Sensor {
  readonly #ports: Pick<GovernorPorts, 'now' | 'pressure'>;
  readonly #network = new Recent();
  readonly #starts = new Recent();
  readonly #usual = new Usual();
  #sample: Sample;
  /** Pressure while nothing settles, by resource. */
  readonly #quiet = { cpu: 0, io: 0, memory: 0 };
  #signals: Signals = {};
  #pressed = false;

  constructor(ports: Pick<GovernorPorts, 'now' | 'pressure'>) {
    this.#ports = ports;
    this.#sample = this.#read();
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

  /** `beside`: among so many that began. They share the agent, so that each takes longer and the host is no slower. */
  startTook(shape: string, ms: number, beside: number): void {
    const share = ms / beside;
    this.#starts.add(this.#usual.factor(shape, share), this.#ports.now());
    this.#usual.learn(shape, share, !this.#pressed);
  }

  /** After a time in which nothing settled: the kernel's totals say what that time was like. Begins an interval. */
  begin(): void {
    const { pressure, ms } = this.#since();
    if (ms < QUIET.leastMs) return;
    for (const name of RESOURCES)
      this.#quiet[name] += ((pressure[name] ?? 0) - this.#quiet[name]) * (ms / (ms + QUIET.halfMs));
  }

  /** Ends the interval. */
  read(limits: SignalLimits): Signals {
    const now = this.#ports.now();
    const { pressure } = this.#since();
    const above = (name: (typeof RESOURCES)[number]): number | undefined => {
      const value = pressure[name];
      const quiet = Math.min(QUIET_MOST, this.#quiet[name]);
      return value === undefined ? undefined : Math.max(0, (value - quiet) / (1 - quiet));
    };
    this.#signals = {
      ...{ cpu: above('cpu'), io: above('io'), memory: above('memory') },
      ...{ network: this.#network.median(now), start: this.#starts.median(now) },
    };
    this.#pressed = worst(this.#signals, limits) !== undefined;
    return this.#signals;
  }

  #read(): Sample {
    return { at: this.#ports.now(), pressure: this.#ports.pressure() };
  }

  #since(): { pressure: ReturnType<typeof pressureBetween>; ms: number } {
    const [before, after] = [this.#sample, this.#read()];
    this.#sample = after;
    const ms = after.at - before.at;
    return { pressure: pressureBetween(before.pressure, after.pressure, ms), ms };
  }
}
