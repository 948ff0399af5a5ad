// Addresses and deterministic names. Pure: the ledger of who holds what is the caller's, this only never gives twice.
import { createHash } from 'node:crypto';
import { formatIpv4, parseCidr, parseIpv4 } from './ipv4.js';

export { type Cidr, parseCidr } from './ipv4.js';

/** Leases addresses of one IPv4 network, each to one id. */
export class AddressPool {
  readonly #first: number;
  readonly #last: number;
  readonly #holders = new Map<number, string>();
  readonly #leases = new Map<string, number>();
  #next: number;

  /** `cidr` without host bits. Network and broadcast address are left out, except in a /31 or /32 (RFC 3021). */
  constructor(cidr: string) {
    const { first, size, prefix } = parseCidr(cidr);
    const edge = prefix >= 31 ? 0 : 1;
    this.#first = first + edge;
    this.#last = first + size - 1 - edge;
    this.#next = this.#first;
  }

  get total(): number {
    return this.#last - this.#first + 1;
  }

  get free(): number {
    return this.total - this.#holders.size;
  }

  /**
   * The address of `id`; the same one when it holds one already. Next-fit: a released address comes again only after
   * all others, so that nobody's cached ARP entry or connection meets a new holder. Undefined when none is free.
   */
  lease(id: string): string | undefined {
    const held = this.#leases.get(id);
    if (held !== undefined) return formatIpv4(held);
    if (this.free === 0) return undefined;
    while (this.#holders.has(this.#next)) this.#next = this.#after(this.#next);
    const address = this.#next;
    this.#next = this.#after(address);
    this.#take(id, address);
    return formatIpv4(address);
  }

  /** Gives the address of `id` back; false when it held none. */
  release(id: string): boolean {
    const address = this.#leases.get(id);
    if (address === undefined) return false;
    this.#leases.delete(id);
    this.#holders.delete(address);
    return true;
  }

  /**
   * Takes up a lease found after a restart. False, and nothing changed, when the address is outside the pool, has
   * another holder, or `id` holds another one. Throws RangeError for what is not an address.
   */
  restore(id: string, address: string): boolean {
    const value = parseIpv4(address);
    if (value < this.#first || value > this.#last) return false;
    const holder = this.#holders.get(value);
    const held = this.#leases.get(id);
    if ((holder !== undefined && holder !== id) || (held !== undefined && held !== value)) return false;
    this.#take(id, value);
    return true;
  }

  /** Who holds `address`, if anyone. */
  holder(address: string): string | undefined {
    return this.#holders.get(parseIpv4(address));
  }

  #after(address: number): number {
    return address === this.#last ? this.#first : address + 1;
  }

  #take(id: string, address: number): void {
    this.#leases.set(id, address);
    this.#holders.set(address, id);
  }
}

/** A MAC address for `id`: always the same, unicast, locally administered (46 bits of SHA-256). */
export function macFor(id: string): string {
  const bytes = digest(id).subarray(0, 6);
  bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0);
  return (bytes.toString('hex').match(/../g) ?? []).join(':');
}

const LINK_NAME_LENGTH = 15;
const SHORTEST_SUFFIX = 8;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * A link name for `id`: `prefix` and 5 bits of SHA-256 in each character left of 15. With a prefix of 3 that is 60
 * bits: the odds that any two of 10,000 ids collide are 4 in 10^11, with the longest prefix (7) 5 in 10^5. A
 * collision does no harm, `create` refuses the second with EEXIST. Throws RangeError for a prefix above 7.
 */
export function linkNameFor(prefix: string, id: string): string {
  const length = LINK_NAME_LENGTH - prefix.length;
  if (length < SHORTEST_SUFFIX) throw new RangeError(`link prefix ${JSON.stringify(prefix)} is longer than 7`);
  const bytes = digest(`link:${id}`);
  let name = prefix;
  for (let at = 0; at < length; at++) name += ALPHABET.charAt(bytes.readUInt8(at) & 31);
  return name;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
