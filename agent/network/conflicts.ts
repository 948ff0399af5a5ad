// Whether the host itself uses a network that is meant for workloads: found before the first address is given out.
import { type Cidr, formatCidr } from '../../netns/addresses/cidr.js';
import { conflictsWithHost, type HostNetworks } from '../../netns/addresses/conflict.js';
import { readHostNetworks } from '../../netns/addresses/host.js';
import { openHost } from '../../netns/host.js';
import { BerthError } from '../../protocol/errors.js';
import { networkAround } from '../base/cidr.js';
import { poolsOf } from '../config/network.js';
import type { Config } from '../config/schema.js';
import { ownLinks } from './settings.js';

export interface PoolConflict {
  /** Key of the configuration. */
  readonly key: string;
  /** The pool it names. */
  readonly pool: string;
  /** What of the host: a network in CIDR form. */
  readonly network: Cidr;
  /** It lies around the pool, which is worth knowing and keeps nobody from working. */
  readonly covers: boolean;
  /** One sentence with network and link of the host. */
  readonly detail: string;
}

/** Pure. A pool on a bridge is part of the network of that bridge, which is no conflict. */
export function poolConflicts(config: Config['network'], host: HostNetworks): PoolConflict[] {
  return poolsOf(config).flatMap(({ key, network }) => {
    const pool = formatCidr(network);
    const found = conflictsWithHost(pool, host.routes, host.addresses, ownLinks(config));
    return found.flatMap(({ detail, covers, network: other }) => {
      const around = networkAround(other);
      return around === undefined ? [] : [{ key, pool, network: around, covers, detail }];
    });
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

/** Those with which workloads and others cannot both be reached. */
export function clashes(conflicts: readonly PoolConflict[]): readonly PoolConflict[] {
  return conflicts.filter(({ covers }) => !covers);
}

/**
 * Throws `pool_conflict` that names key, pool and who else has it. For a new installation: one that has workloads takes them
 * over whatever others have done meanwhile, and only leases nothing more of what collides (`Claims.avoid`).
 */
export function requireFreePools(config: Config['network'], host: HostNetworks): void {
  const conflicts = clashes(poolConflicts(config, host));
  const [first] = conflicts;
  if (first === undefined) return;
  const more = conflicts.length > 1 ? ` (and ${conflicts.length - 1} more)` : '';
  throw new BerthError('pool_conflict', `${first.key} ${first.pool} is in use on this host: ${first.detail}${more}`, {
    data: { conflicts: conflicts.map(({ key, pool, detail }) => ({ key, pool, detail })) },
  });
}
