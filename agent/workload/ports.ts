// What the workload room needs from the world, as small as it is used. The daemon passes the real rooms; tests pass
// recording fakes that run behind the same conformance suite.
import type { Tree } from '../../cgroups/tree.js';
import type { AddressPool } from '../../netns/addresses/pool.js';
import type { NetworkRoom } from '../../netns/types.js';
import type { Holder } from '../../systemd/holder/protocol.js';
import type { BerthEvent, CapacityRow } from '../service.js';
import type { EndRecord } from './record.js';
import type { DriverName } from './spec.js';

/** The delegated subtree; names are `TENANT/ID`. */
export type CgroupPort = Pick<
  Tree,
  | 'root'
  | 'controllers'
  | 'missing'
  | 'path'
  | 'create'
  | 'tag'
  | 'apply'
  | 'freeze'
  | 'thaw'
  | 'kill'
  | 'populated'
  | 'waitEmpty'
  | 'remove'
  | 'removeTenant'
  | 'list'
>;
export type NetworkPort = Pick<NetworkRoom, 'create' | 'createIsolated' | 'remove' | 'list'>;
export type HolderPort = Pick<Holder, 'spawn' | 'list' | 'forget'>;

/** Leases of addresses, kept in memory and rebuilt from the journal. */
export type AddressPort = Pick<AddressPool, 'total' | 'lease' | 'restore' | 'release'>;

export interface EventPort {
  append(event: Pick<BerthEvent, 'type' | 'data'> & { workload?: string; tenant?: string }): unknown;
}

/** What metrics want to hear; all calls are cheap and never throw. */
export interface Observer {
  started(driver: DriverName, seconds: number): void;
  ended(cause: EndRecord['cause']): void;
  admission(result: 'admitted' | 'refused', dimension: CapacityRow['dimension'] | 'none', seconds: number): void;
  reconciled(seconds: number): void;
}

export interface Log {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
