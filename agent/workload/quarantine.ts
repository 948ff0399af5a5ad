// Addresses that the kernel still routes to a link of ours that no record explains: after a damaged journal entry the
// workload's processes live on, and giving its address to another would fail or, worse, cross their traffic.
import { readFile } from 'node:fs/promises';
import type { AddressPort, Log } from './ports.js';

/** Key of the lease that keeps an address out of use; no workload id contains a colon. */
function keyOf(address: string): string {
  return `orphan:${address}`;
}

export class Quarantine {
  readonly #addresses: AddressPort;
  readonly #linkPrefix: string;
  readonly #log: Log;
  readonly #held = new Set<string>();

  constructor(addresses: AddressPort, linkPrefix: string, log: Log) {
    this.#addresses = addresses;
    this.#linkPrefix = linkPrefix;
    this.#log = log;
  }

  /** Looks at the host's routes: holds what is routed and not in `known`, frees what no longer is. */
  async refresh(known: ReadonlySet<string>): Promise<void> {
    const routed = parseRoutes(await readFile('/proc/net/route', 'latin1'), this.#linkPrefix);
    for (const address of [...this.#held]) {
      if (routed.has(address)) continue;
      this.#addresses.release(keyOf(address));
      this.#held.delete(address);
    }
    for (const address of routed) {
      if (known.has(address) || this.#held.has(address)) continue;
      if (!this.#addresses.restore(keyOf(address), address)) continue;
      this.#held.add(address);
      this.#log.warn({ address }, 'address is routed to an orphan and not given out');
    }
  }
}

/** Pure: host routes (/32) through links with the prefix; `Iface Destination ... Mask` of /proc/net/route, in hex. */
export function parseRoutes(text: string, linkPrefix: string): Set<string> {
  const found = new Set<string>();
  for (const line of text.split('\n').slice(1)) {
    const [link, destination, , , , , , mask] = line.trim().split(/\s+/);
    if (link === undefined || destination === undefined || mask !== 'FFFFFFFF' || !link.startsWith(linkPrefix))
      continue;
    // Network byte order, printed as a little-endian number.
    found.add(Buffer.from(destination, 'hex').reverse().join('.'));
  }
  return found;
}
