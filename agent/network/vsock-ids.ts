// Vsock ids (CIDs) of guests, in memory: one number space for the whole host, whatever the namespace, from which nothing in
// the kernel gives any out (vsock(7)). A range of it is berth's: VMMs that others start are to stay out of it.

import type { VsockRange } from '../config/network.js';

export class VsockIds {
  readonly #first: number;
  readonly #last: number;
  readonly #ids = new Map<string, number>();
  readonly #holders = new Map<number, string>();
  /** Those of the range that no workload can have. */
  readonly #kept = new Set<string>();
  #next: number;

  constructor([first, last]: VsockRange) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  /** That workloads can have. */
  get total(): number {
    return this.#span - this.#kept.size;
  }

  /** The one it has, else the next in turn, so that a number just given back rests. Undefined: none is free. */
  lease(id: string): number | undefined {
    const held = this.#ids.get(id);
    if (held !== undefined) return held;
    for (let tries = this.#span; tries > 0; tries--) {
      const number = this.#next;
      this.#next = number === this.#last ? this.#first : number + 1;
      if (this.restore(id, number)) return number;
    }
    return undefined;
  }

  /** As its record says, also outside a range that was another one then; false: somebody else has it. */
  restore(id: string, number: number): boolean {
    if (this.#holders.has(number)) return this.#holders.get(number) === id;
    this.#holders.set(number, id);
    this.#ids.set(id, number);
    return true;
  }

  /** Keeps it out of use under `key`, which no workload id can be; false: a workload has it. */
  keep(key: string, number: number): boolean {
    if (!this.restore(key, number)) return false;
    if (number >= this.#first && number <= this.#last) this.#kept.add(key);
    return true;
  }

  release(id: string): void {
    this.#kept.delete(id);
    const number = this.#ids.get(id);
    if (number === undefined) return;
    this.#ids.delete(id);
    this.#holders.delete(number);
  }

  get #span(): number {
    return this.#last - this.#first + 1;
  }
}
