// What the workload room needs from the world, as small as it is used. The daemon passes the real rooms; tests pass
// recording fakes that run behind the same conformance suite.
import type { Tree } from '../../cgroups/tree.js';
import type { NetworkRoom } from '../../netns/types.js';
import type { Holder } from '../../systemd/holder/protocol.js';
import type { NetworkOperation } from '../network/timed.js';
import type { BerthEvent, Refusal } from '../service.js';
import type { EndRecord } from './record.js';
import type { DriverName, WorkloadSpec } from './spec.js';

/** The delegated subtree; names are `TENANT/ID`. */
export type CgroupPort = Pick<
  Tree,
  | 'root'
  | 'controllers'
  | 'missing'
  | 'path'
  | 'create'
  | 'tag'
  | 'readTag'
  | 'apply'
  | 'read'
  | 'lines'
  | 'differences'
  | 'shrinkMemory'
  | 'reclaimMemory'
  | 'freeze'
  | 'thaw'
  | 'kill'
  | 'populated'
  | 'processes'
  | 'waitEmpty'
  | 'waitFrozen'
  | 'remove'
  | 'removeTenant'
  | 'list'
  | 'leaks'
  | 'dying'
>;
export type NetworkPort = Pick<
  NetworkRoom,
  | 'acquire'
  | 'giveBack'
  | 'slots'
  | 'create'
  | 'update'
  | 'createIsolated'
  | 'remove'
  | 'list'
  | 'held'
  | 'members'
  | 'retag'
  | 'sweep'
>;
export type HolderPort = Pick<Holder, 'spawn' | 'list' | 'forget'>;

export interface EventPort {
  append(event: Pick<BerthEvent, 'type' | 'data'> & { workload?: string; tenant?: string }): unknown;
}

export interface DurableEventPort extends EventPort {
  /** Resolves when what was told before survives the agent, or the disk has refused it. */
  settled(): Promise<void>;
}

/** What metrics want to hear; all calls are cheap and never throw. */
export interface Observer {
  started(driver: DriverName, seconds: number): void;
  ended(end: Pick<EndRecord, 'cause' | 'actor'>): void;
  admission(result: 'admitted' | 'refused', dimension: Refusal['dimension'] | 'none', seconds: number): void;
  /** One of this class was asked to go for another. */
  preempted(of: WorkloadSpec['class']): void;
  reconciled(seconds: number): void;
  network(operation: NetworkOperation, seconds: number): void;
}

export interface Log {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
