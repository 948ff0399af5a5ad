// What an actor has others do for its workload. The assembly makes it of the functions of this room (daemon/assembly/workloads.ts).
import type { Log } from '../base/log.js';
import type { GovernorPort } from '../density/governor/types.js';
import type { EventPort } from '../model/event.js';
import type { ProcessRecord, WorkloadRecord } from '../model/record.js';
import type { SnapshotView } from '../model/snapshot.js';
import type { ComeBack } from './coming-back.js';
import type { Witnesses } from './end.js';
import type { Ending } from './ending.js';
import type { Freezable } from './freezing.js';
import type { Journal } from './journal.js';
import type { ImagePort, Observer } from './ports.js';
import type { BootClock } from './restart.js';
import type { SaveOptions } from './saving.js';
import type { Startable } from './start.js';

/** From pending to running. */
export interface StartPort {
  /** Without one every start begins at once. */
  readonly governor: GovernorPort | undefined;
  /** Without it nothing runs from an image. */
  readonly images: ImagePort | undefined;
  /** See startWorkload. */
  run(actor: Startable): Promise<void>;
}

/** From running to nothing. Each may be repeated at any point, and rejects when something is left. */
export interface EndPort {
  ask(process: ProcessRecord, record: WorkloadRecord): Promise<void>;
  graceMs(record: WorkloadRecord): number;
  /** Every process of a run ends, and what the driver keeps of it goes. */
  ofRun(actor: Ending): Promise<void>;
  takeDown(actor: Ending): Promise<void>;
  /** What the ledger, the pools and the cpus hold for it. To be called when its end is durable. */
  giveBack(id: string): void;
  /** Its output, image, snapshots, and its record last. */
  forget(record: WorkloadRecord): Promise<void>;
}

/** Writes to the cgroup of a workload that runs. */
export interface BrakePort {
  freeze(actor: Freezable): Promise<void>;
  thaw(actor: Freezable): Promise<void>;
  kill(cgroup: string): Promise<void>;
  killProcesses(record: WorkloadRecord): Promise<void>;
}

/** The guest of a virtual machine that is saved, or comes back. */
export interface GuestPort {
  save(actor: Freezable, options: SaveOptions, signal: AbortSignal): Promise<SnapshotView>;
  undo(actor: Freezable, name: string): Promise<void>;
  comeBack(actor: Freezable, options: ComeBack): Promise<void>;
  spentAtEnd(record: WorkloadRecord): Promise<Partial<WorkloadRecord>>;
}

export interface ActorPorts {
  readonly start: StartPort;
  readonly brakes: BrakePort;
  readonly guest: GuestPort;
  readonly end: EndPort;
  readonly witnesses: Witnesses;
  readonly journal: Pick<Journal, 'write'>;
  readonly events: EventPort;
  readonly observer: Pick<Observer, 'ended' | 'reconciled'>;
  readonly clock: BootClock;
  readonly log: Log;
}
