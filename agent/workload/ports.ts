// What the workload room needs from the world, as small as it is used. The daemon passes the real rooms; tests pass
// recording fakes that run behind the same conformance suite.
import type { Supervisor } from '../../systemd/supervisor/protocol.js';
import type { Refusal } from '../model/capacity.js';
import type { ImageRoot } from '../model/image.js';
import type { PullPolicy } from '../model/image-spec.js';
import type { EndRecord } from '../model/record.js';
import type { DriverName, WorkloadSpec } from '../model/spec.js';
import type { NetworkObserver } from '../network/timed.js';
import type { Snapshots } from '../snapshots/store.js';

/** Images of this node, as workloads need them. */
export interface ImagePort {
  /** Whether the image can be had. Throws, and has no effect. */
  check(name: string, policy: PullPolicy): void;
  /** Resolves with the digest of the image, which is here then and stays; what the workload wrote on top of another than `had` is gone. */
  hold(
    workload: string,
    name: string,
    options: {
      readonly policy: PullPolicy;
      readonly had?: string | undefined;
      /** For a microVM: resolves when it is there as one file system, too. */
      readonly disk?: boolean | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<string>;
  /** The record has the digest now, or the workload does not want it. */
  letGo(workload: string): void;
  root(workload: string, digest: string): ImageRoot | undefined;
  /** The workload is gone. */
  forget(workload: string): Promise<void>;
}

/** Virtual machines on disk; see agent/snapshots. */
export type SnapshotPort = Pick<
  Snapshots,
  'free' | 'begin' | 'complete' | 'verify' | 'get' | 'list' | 'remove' | 'forget' | 'directory'
>;

export type SupervisorPort = Pick<Supervisor, 'spawn' | 'list' | 'forget'>;

/** What metrics want to hear; all calls are cheap and never throw. */
export interface Observer extends NetworkObserver {
  started(driver: DriverName, seconds: number): void;
  /** The guest stood still so long for its snapshot. */
  saved(driver: DriverName, seconds: number): void;
  /** A start that began with a snapshot. */
  restored(driver: DriverName, seconds: number): void;
  ended(end: Pick<EndRecord, 'cause' | 'actor'>): void;
  admission(result: 'admitted' | 'refused', dimension: Refusal['dimension'] | 'none', seconds: number): void;
  /** One of this class was asked to go for another. */
  preempted(of: WorkloadSpec['class']): void;
  reconciled(seconds: number): void;
}
