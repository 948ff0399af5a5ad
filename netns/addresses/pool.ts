// Who holds which address, in memory. The ledger is the caller's journal: after a restart it restores every lease, and
// there is no file per address that a crash could leave behind.
import type { Cidr } from './cidr.js';
import { formatIp, parseIp } from './ip.js';
import { addressAt, type Leasable, leasable, numberOf } from './ranges.js';

export interface PoolOptions {
  /** Addresses or networks that are never leased; those of the other family are ignored. */
  readonly exclude?: readonly string[];
  /** How long a released address should rest; default 60 s. */
  readonly restMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** For gauges. `early` counts leases since the start of an address that had not rested long enough. */
export interface Utilisation {
  readonly leased: number;
  readonly resting: number;
  readonly total: number;
  readonly early: number;
}

const REST_MS = 60_000;

/**
 * Leases the addresses of one or several networks of one family, each to one id.
 *
 * Addresses that were never leased go first, in order; then the one that was released longest ago. So nobody's cached
 * neighbour entry or connection meets a new holder as long as that can be avoided at all, and a pool that is small or
 * nearly full still leases what it has: refusing a workload would be worse than a short rest, which `early` tells.
 * Every operation takes constant time, whatever the pool holds. Who rests is not in the journal: a restart of the agent
 * forgets it.
 */
export class AddressPool {
  readonly #space: Leasable;
  readonly #restMs: number;
  readonly #now: () => number;
  readonly #holders = new Map<number, string>();
  readonly #leases = new Map<string, number>();
  /** Released addresses and when, the oldest first. */
  readonly #released = new Map<number, number>();
  /** Nobody's, and met by a lease while they were to be avoided. */
  readonly #aside = new Set<number>();
  #avoided: readonly Cidr[] = [];
  // Kept, as a new iterator walks over all that was deleted at the front since the map was last rehashed.
  #oldest: Iterator<number>;
  #fresh = 0;
  #early = 0;

  /** `cidrs` without host bits. Throws AddressError: not_a_network, host_bits_set, networks_overlap, families_mixed. */
  constructor(cidrs: string | readonly string[], options: PoolOptions = {}) {
    this.#space = leasable(typeof cidrs === 'string' ? [cidrs] : cidrs, options.exclude ?? []);
    this.#restMs = options.restMs ?? REST_MS;
    this.#now = options.now ?? (() => performance.now());
    this.#oldest = this.#released.keys();
  }

  /** Addresses that can be leased, at most 2^20 (see ranges.ts). */
  get total(): number {
    return this.#space.total;
  }

  /** How many more leases there can be; those that rest are among them. */
  get free(): number {
    return this.total - this.#holders.size - this.#aside.size;
  }

  /** Walks over the released addresses: for a scrape, not for every lease. */
  utilisation(): Utilisation {
    const rested = this.#now() - this.#restMs;
    let resting = 0;
    for (const at of this.#released.values()) if (at > rested) resting++;
    return { leased: this.#holders.size, resting, total: this.total, early: this.#early };
  }

  /** The address of `id`; the same one when it holds one already. Undefined when none is free. */
  lease(id: string): string | undefined {
    const number = this.#leases.get(id) ?? this.#take(id, this.#next());
    return number === undefined ? undefined : this.#text(number);
  }

  /** Leases no address of `networks` from now on, until it is called again. Leases that are there stay. */
  avoid(networks: readonly Cidr[]): void {
    this.#avoided = networks;
    for (const number of this.#aside) {
      if (this.#isAvoided(number)) continue;
      this.#aside.delete(number);
      this.#released.set(number, Number.NEGATIVE_INFINITY);
    }
  }

  /** Gives the address of `id` back; false when it held none. */
  release(id: string): boolean {
    const number = this.#leases.get(id);
    if (number === undefined) return false;
    this.#leases.delete(id);
    this.#holders.delete(number);
    this.#released.set(number, this.#now());
    return true;
  }

  /**
   * Takes up a lease found after a restart. False, and nothing changed, when the address is outside the pool or
   * reserved, has another holder, or `id` holds another one. Throws RangeError for what is not an address.
   */
  restore(id: string, address: string): boolean {
    const number = numberOf(this.#space, parseIp(address));
    if (number === undefined) return false;
    const holder = this.#holders.get(number);
    const held = this.#leases.get(id);
    if ((holder !== undefined && holder !== id) || (held !== undefined && held !== number)) return false;
    this.#released.delete(number);
    this.#aside.delete(number);
    this.#take(id, number);
    return true;
  }

  /** Is leased after all others, as if it were released now. Nothing when someone holds it, or it is not of this pool. Throws RangeError. */
  rest(address: string): void {
    const number = numberOf(this.#space, parseIp(address));
    if (number === undefined || this.#holders.has(number) || this.#aside.has(number)) return;
    this.#released.delete(number);
    this.#released.set(number, this.#now());
  }

  /** Who holds `address`, if anyone. Throws RangeError for what is not an address. */
  holder(address: string): string | undefined {
    const number = numberOf(this.#space, parseIp(address));
    return number === undefined ? undefined : this.#holders.get(number);
  }

  #next(): number | undefined {
    for (;;) {
      const number = this.#takeFresh() ?? this.#takeReleased();
      if (number === undefined || !this.#isAvoided(number)) return number;
      this.#aside.add(number);
    }
  }

  #isAvoided(number: number): boolean {
    if (this.#avoided.length === 0) return false;
    const value = addressAt(this.#space, number);
    return this.#avoided.some(({ family, first, size }) => {
      return family === this.#space.family && value >= first && value < first + size;
    });
  }

  // Passes over what was restored, or restored and released again; each number once in the life of the pool.
  #takeFresh(): number | undefined {
    while (this.#fresh < this.total) {
      const number = this.#fresh++;
      if (!this.#holders.has(number) && !this.#released.has(number)) return number;
    }
    return undefined;
  }

  #takeReleased(): number | undefined {
    let next = this.#oldest.next();
    if (next.done === true) {
      // An iterator that has come to the end stays there, whatever is added later.
      this.#oldest = this.#released.keys();
      next = this.#oldest.next();
    }
    if (next.done === true) return undefined;
    const number = next.value;
    if ((this.#released.get(number) ?? 0) + this.#restMs > this.#now()) this.#early++;
    this.#released.delete(number);
    return number;
  }

  #take(id: string, number: number | undefined): number | undefined {
    if (number === undefined) return undefined;
    this.#leases.set(id, number);
    this.#holders.set(number, id);
    return number;
  }

  #text(number: number): string {
    return formatIp(this.#space.family, addressAt(this.#space, number));
  }
}
