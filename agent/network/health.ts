// What the doctor says about the network beyond single workloads: asked of the kernel once a minute, told from memory.
import { readFileSync } from 'node:fs';
import type { Interference, NetworkRoom } from '../../netns/types.js';
import type { Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import type { Claims } from './claims.js';
import { clashes, type PoolConflict, poolConflicts } from './conflicts.js';
import type { Unrepaired } from './drift.js';

/** New connections of workloads between two looks: how many left our chain, and how many of them others let pass. */
export interface Traffic {
  readonly offered: number;
  readonly lost: number;
  readonly suspects: readonly string[];
}

const NONE: Interference = { offered: 0, passed: 0, suspects: [], foreign: [] };

export class NetworkHealth {
  readonly #config: Config['network'];
  readonly #room: Pick<NetworkRoom, 'interference' | 'hostNetworks'>;
  readonly #log: Log;
  #last: Interference | undefined;
  #traffic: Traffic | undefined;
  readonly #claims: Pick<Claims, 'avoid'>;
  #conflicts: readonly PoolConflict[] = [];

  constructor(
    config: Config['network'],
    room: Pick<NetworkRoom, 'interference' | 'hostNetworks'>,
    log: Log,
    claims: Pick<Claims, 'avoid'>,
  ) {
    this.#config = config;
    this.#claims = claims;
    this.#room = room;
    this.#log = log;
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    await this.compare();
    try {
      const now = await this.#room.interference();
      // The counters begin anew with the tables, and with a window in which nobody asked nothing is learnt.
      const before = this.#last === undefined || now.offered < this.#last.offered ? NONE : this.#last;
      const offered = now.offered - before.offered;
      const lost = Math.max(0, offered - (now.passed - before.passed));
      this.#last = now;
      if (offered > 0) this.#traffic = { offered, lost, suspects: now.suspects };
    } catch (error) {
      this.#log.warn({ err: error }, 'the network of the host could not be looked at');
    }
  }

  /** Pools with what the host uses today; before anything is leased, and each minute. Never rejects. */
  async compare(): Promise<void> {
    try {
      this.#conflicts = poolConflicts(this.#config, await this.#room.hostNetworks());
      this.#claims.avoid(clashes(this.#conflicts).map(({ network }) => network));
    } catch (error) {
      this.#log.warn({ err: error }, 'routes and addresses of the host could not be read');
    }
  }

  /** Undefined: no workload has tried to reach the outside yet. */
  get traffic(): Traffic | undefined {
    return this.#traffic;
  }

  get conflicts(): readonly PoolConflict[] {
    return this.#conflicts;
  }

  /** nft tables of other installations. */
  get foreign(): Interference['foreign'] {
    return (this.#last ?? NONE).foreign;
  }

  /** Since the tables were loaded. */
  get totals(): Pick<Interference, 'offered' | 'passed'> {
    return this.#last ?? NONE;
  }
}

/** Connections that the kernel tracks, and how many it can; undefined where it tracks none. */
export function conntrackUse(
  root = '/proc/sys/net/netfilter',
): { readonly entries: number; readonly limit: number } | undefined {
  try {
    const read = (name: string): number => Number(readFileSync(`${root}/nf_conntrack_${name}`, 'latin1'));
    return { entries: read('count'), limit: read('max') };
  } catch {
    return undefined;
  }
}

/** What the running agent knows of its network; all of it optional. */
export interface NetworkStatus {
  /** New connections of workloads in the last minute in which there were any. */
  readonly traffic?: Traffic;
  /** One sentence for each pool that the host uses, too; and for each that lies within a network of the host. */
  readonly poolConflicts?: readonly string[];
  readonly poolsCovered?: readonly string[];
  /** nft tables of other installations, each with whose it is. */
  readonly foreignTables?: readonly string[];
  readonly unrepaired?: readonly Unrepaired[];
  /** Whether anything of the configuration is for bridges. */
  readonly bridges?: boolean;
  /** Whether a pool of IPv6 addresses is configured. */
  readonly ipv6?: boolean;
}
