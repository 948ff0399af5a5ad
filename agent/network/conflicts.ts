// Whether the host itself uses a network that is meant for workloads: found before the first address is given out.
import { formatCidr } from '../../netns/addresses/cidr.js';
import { conflictsWithHost } from '../../netns/addresses/conflict.js';
import { type HostNetworks, readHostNetworks } from '../../netns/addresses/host.js';
import { openHost } from '../../netns/host.js';
import { poolsOf } from '../config/network.js';
import type { Config } from '../config/schema.js';
import { BerthError } from '../errors.js';
import { ownLinks } from './settings.js';

export interface PoolConflict {
  /** Key of the configuration. */
  readonly key: string;
  /** The pool it names. */
  readonly pool: string;
  /** One sentence with network and link of the host. */
  readonly detail: string;
}

/** Pure. A pool on a bridge is part of the network of that bridge, which is no conflict. */
export function poolConflicts(config: Config['network'], host: HostNetworks): PoolConflict[] {
  return poolsOf(config).flatMap(({ key, network }) => {
    const pool = formatCidr(network);
    const found = conflictsWithHost(pool, host.routes, host.addresses, ownLinks(config));
    return found.map(({ detail }) => ({ key, pool, detail }));
  });
}

/** Asks the kernel, on the calling thread: some milliseconds, at start and from the command. Needs no privilege. */
export function hostNetworks(): HostNetworks {
  const host = openHost();
  try {
    return readHostNetworks(host);
  } finally {
    host.close();
  }
}

/** Throws `pool_conflict` that names key, pool and who else has it. */
export function requireFreePools(config: Config['network'], host: HostNetworks): void {
  const conflicts = poolConflicts(config, host);
  const [first] = conflicts;
  if (first === undefined) return;
  const more = conflicts.length > 1 ? ` (and ${conflicts.length - 1} more)` : '';
  throw new BerthError('pool_conflict', `${first.key} ${first.pool} is in use on this host: ${first.detail}${more}`, {
    data: { conflicts },
  });
}
