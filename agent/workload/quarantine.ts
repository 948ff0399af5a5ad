// Addresses that the kernel still routes to a link of ours that no record explains: after a damaged journal entry the
// workload's processes live on, and giving its address to another would fail or, worse, cross their traffic. The number
// of its tenant, too, must not become somebody else's.
import { readdir, readFile } from 'node:fs/promises';
import { formatIp } from '../../netns/addresses/ip.js';
import type { Claims } from '../network/claims.js';
import type { Log } from './ports.js';

const LINKS = '/sys/class/net';

/** Key of the lease that keeps an address out of use; no workload id contains a slash. */
function keyOf(address: string): string {
  return `orphan/${address}`;
}

/** What records explain. */
export interface Known {
  readonly addresses: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
  readonly netns: ReadonlySet<string>;
}

export class Quarantine {
  readonly #claims: Pick<Claims, 'hold' | 'unhold' | 'avoidGroups'>;
  readonly #linkPrefix: string;
  readonly #log: Log;
  readonly #held = new Set<string>();

  constructor(claims: Pick<Claims, 'hold' | 'unhold' | 'avoidGroups'>, linkPrefix: string, log: Log) {
    this.#claims = claims;
    this.#linkPrefix = linkPrefix;
    this.#log = log;
  }

  /** Looks at the host's routes and links: holds what is there and not in `known`, frees what no longer is. */
  async refresh(known: Pick<Known, 'addresses' | 'links'>): Promise<void> {
    const read = (file: string) => readFile(`/proc/net/${file}`, 'latin1').catch(() => '');
    const routed = new Set([
      ...parseRoutes(await read('route'), this.#linkPrefix),
      ...parseRoutes6(await read('ipv6_route'), this.#linkPrefix),
    ]);
    for (const address of [...this.#held]) {
      if (routed.has(address)) continue;
      this.#claims.unhold(keyOf(address));
      this.#held.delete(address);
    }
    for (const address of routed) {
      if (known.addresses.has(address) || this.#held.has(address)) continue;
      if (!this.#claims.hold(keyOf(address), address)) continue;
      this.#held.add(address);
      this.#log.warn({ address }, 'address is routed to an orphan and not given out');
    }
    this.#claims.avoidGroups(await this.#orphanGroups(known.links));
  }

  async #orphanGroups(known: ReadonlySet<string>): Promise<ReadonlySet<number>> {
    const links = await readdir(LINKS).catch(() => []);
    const orphans = links.filter((link) => link.startsWith(this.#linkPrefix) && !known.has(link));
    const read = (link: string) => readFile(`${LINKS}/${link}/netdev_group`, 'latin1').catch(() => '');
    const groups = await Promise.all(orphans.map(read));
    return new Set(groups.filter((text) => text !== '').map(Number));
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

/** Pure: the same of /proc/net/ipv6_route (/128): destination, prefix length in hex, ... link; 10 fields. */
export function parseRoutes6(text: string, linkPrefix: string): Set<string> {
  const found = new Set<string>();
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const [destination = '', length] = fields;
    // Link-local ones and multicast are the kernel's own.
    if (length !== '80' || fields[9]?.startsWith(linkPrefix) !== true || /^(fe8|ff)/.test(destination)) continue;
    found.add(formatIp(6, BigInt(`0x${destination}`)));
  }
  return found;
}
