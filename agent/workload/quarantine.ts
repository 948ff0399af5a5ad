// What the kernel still keeps for processes and links of ours that no record explains: after a damaged journal entry the
// workload's processes live on. To give its address to another would fail or, worse, cross their traffic; the number of its
// tenant must not become somebody else's; and a vsock id can be had once (vhost_vsock_set_cid: EADDRINUSE).
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatIp } from '../../netns/addresses/ip.js';
import type { Log } from '../base/log.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { OWNER_PREFIX } from '../model/tags.js';
import type { Claims } from '../network/claims.js';
import type { Known } from './in-kernel.js';

const LINKS = '/sys/class/net';

/** What records explain. */
export interface Explained {
  known(): Promise<Pick<Known, 'ids' | 'addresses' | 'links'>>;
}

export interface QuarantineOptions {
  readonly claims: Pick<Claims, 'hold' | 'holdVsockId' | 'unhold' | 'avoidGroups'>;
  readonly cgroups: Pick<CgroupPort, 'list' | 'processes'>;
  readonly linkPrefix: string;
  readonly log: Pick<Log, 'warn'>;
  /** For tests: instead of /proc. */
  readonly proc?: string;
}

/** Something of the host that is not to be given out; the key of its lease has a slash, as no workload id has. */
interface Orphaned {
  readonly key: string;
  readonly what: { readonly address: string } | { readonly vsockId: number };
}

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #proc: string;
  readonly #held = new Set<string>();

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.#proc = options.proc ?? '/proc';
  }

  /** Looks at the host's routes, links and VMMs: holds what is there and no record explains, frees what no longer is. */
  async refresh(records: Explained): Promise<void> {
    const { claims, cgroups, log } = this.#options;
    const [routed, groups, links] = await Promise.all([this.#routed(), cgroups.list(), readdir(LINKS).catch(() => [])]);
    // Not before: what has come in between has its record.
    const known = await records.known();
    const found = [...addressesOf(routed, known.addresses), ...(await this.#vsockIds(groups, known.ids))];
    const keys = new Set(found.map(({ key }) => key));
    for (const key of [...this.#held]) {
      if (keys.has(key)) continue;
      claims.unhold(key);
      this.#held.delete(key);
    }
    for (const { key, what } of found) {
      if (this.#held.has(key)) continue;
      if (!('address' in what ? claims.hold(key, what.address) : claims.holdVsockId(key, what.vsockId))) continue;
      this.#held.add(key);
      log.warn(what, 'an orphan has it, and it is not given out');
    }
    claims.avoidGroups(await this.#orphanGroups(links, known.links));
  }

  async #routed(): Promise<string[]> {
    const { linkPrefix } = this.#options;
    const read = (file: string) => readFile(join(this.#proc, 'net', file), 'latin1').catch(() => '');
    return [...parseRoutes(await read('route'), linkPrefix), ...parseRoutes6(await read('ipv6_route'), linkPrefix)];
  }

  /** The kernel does not list them: a VMM's command line says which one it was given. */
  async #vsockIds(groups: Awaited<ReturnType<CgroupPort['list']>>, known: ReadonlySet<string>): Promise<Orphaned[]> {
    const { cgroups } = this.#options;
    const pids = groups
      .filter(({ id, tag }) => tag?.startsWith(OWNER_PREFIX) === true && !known.has(id))
      .flatMap(({ name }) => cgroups.processes(name));
    const read = (pid: number) => readFile(join(this.#proc, String(pid), 'cmdline'), 'latin1').catch(() => '');
    const lines = await Promise.all(pids.map(read));
    const found = new Set(lines.flatMap(parseVsockIds));
    return [...found].map((vsockId) => ({ key: `orphan/vsock/${vsockId}`, what: { vsockId } }));
  }

  async #orphanGroups(links: readonly string[], known: ReadonlySet<string>): Promise<ReadonlySet<number>> {
    const orphans = links.filter((link) => link.startsWith(this.#options.linkPrefix) && !known.has(link));
    const read = (link: string) => readFile(`${LINKS}/${link}/netdev_group`, 'latin1').catch(() => '');
    const groups = await Promise.all(orphans.map(read));
    return new Set(groups.filter((text) => text !== '').map(Number));
  }
}

function addressesOf(routed: readonly string[], known: ReadonlySet<string>): Orphaned[] {
  return routed
    .filter((address) => !known.has(address))
    .map((address) => ({ key: `orphan/${address}`, what: { address } }));
}

/** Pure: of /proc/PID/cmdline, `guest-cid=65536` of QEMU's vhost-vsock devices, also in JSON. */
export function parseVsockIds(cmdline: string): number[] {
  return [...cmdline.matchAll(/\bguest-cid"?[=:]\s*(\d{1,10})\b/g)].map(([, number]) => Number(number));
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
