// What the workload room needs from the world, as small as it is used. The daemon passes the real rooms; tests pass
// recording fakes that run behind the same conformance suite.
import type { Tree } from '../../cgroups/tree.js';
import type { NetworkRoom } from '../../netns/types.js';
import type { Holder } from '../../systemd/holder/protocol.js';
import type { BerthEvent } from '../service.js';
import type { EndRecord } from './record.js';

/** The delegated subtree; names are `TENANT/ID`. */
export type CgroupPort = Pick<
  Tree,
  | 'root'
  | 'controllers'
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
  | 'list'
>;
export type NetworkPort = Pick<NetworkRoom, 'create' | 'createIsolated' | 'remove' | 'list'>;
export type HolderPort = Pick<Holder, 'spawn' | 'list' | 'forget'>;

/** Leases of addresses, kept in memory and rebuilt from the journal. */
export interface AddressPort {
  readonly size: number;
  lease(id: string): string | undefined;
  restore(id: string, address: string): void;
  release(id: string): void;
}

export interface EventPort {
  append(event: Pick<BerthEvent, 'type' | 'data'> & { workload?: string; tenant?: string }): void;
}

/** What metrics want to hear; all calls are cheap and never throw. */
export interface Observer {
  started(driver: string, seconds: number): void;
  ended(cause: EndRecord['cause']): void;
  admission(result: 'admitted' | 'refused', dimension: string, seconds: number): void;
  reconciled(seconds: number): void;
}

export interface Log {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
