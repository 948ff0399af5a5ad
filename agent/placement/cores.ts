// A topology by cpu and by core: looked up for every workload, so that placing a few hundred of them takes milliseconds.
import type { Cpu, Topology } from '../host/topology.js';

export class Cores {
  readonly topology: Topology;
  readonly #cpus: ReadonlyMap<number, Cpu>;
  readonly #threads = new Map<number, Cpu[]>();
  readonly #isolated: ReadonlySet<number>;

  constructor(topology: Topology) {
    this.topology = topology;
    this.#cpus = new Map(topology.cpus.map((cpu) => [cpu.id, cpu]));
    for (const cpu of topology.cpus) {
      const threads = this.#threads.get(cpu.core);
      if (threads === undefined) this.#threads.set(cpu.core, [cpu]);
      else threads.push(cpu);
    }
    // Somebody has to serve the host.
    this.#isolated = new Set(topology.isolated.length < topology.cpus.length ? topology.isolated : []);
  }

  isIsolated(cpu: number): boolean {
    return this.#isolated.has(cpu);
  }

  /** Of a core at most. */
  get threads(): number {
    let most = 1;
    for (const threads of this.#threads.values()) most = Math.max(most, threads.length);
    return most;
  }

  /** Those of `cpus` that are online. */
  of(cpus: readonly number[]): Cpu[] {
    return cpus.flatMap((id) => this.#cpus.get(id) ?? []);
  }

  /** All threads of the core of `cpu`, itself included; none when it is offline. */
  siblings(cpu: number): readonly Cpu[] {
    const core = this.#cpus.get(cpu)?.core;
    return core === undefined ? [] : (this.#threads.get(core) ?? []);
  }

  /** Of whole cores, ascending. */
  whole(cpus: readonly number[]): number[] {
    return ascending(cpus.flatMap((cpu) => this.siblings(cpu).map(({ id }) => id)));
  }

  nodes(cpus: readonly number[]): number[] {
    return ascending(this.of(cpus).map(({ node }) => node));
  }

  /** Cores in the order of their lowest cpu, with their threads. */
  all(): Iterable<readonly Cpu[]> {
    return this.#threads.values();
  }
}

/** Each once. */
function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
