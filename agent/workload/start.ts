// From accepted to running. Every line may be the last before a crash: the next agent runs all of it again.

import { codeOf } from '../../linux/errors.js';
import { timeLimit } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import type { HeldProcess } from '../../systemd/supervisor/protocol.js';
import { isFull } from '../base/host-errors.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { Launch } from '../drivers/driver.js';
import type { StopSignal } from '../model/container-spec.js';
import type { Before, WorkloadRecord } from '../model/record.js';
import { bytesOf, type Saved, slowestMs } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';
import { cloned } from './cloning.js';
import type { ComeBack } from './coming-back.js';
import type { DriverSet } from './driver-set.js';
import type { Observer, SnapshotPort } from './ports.js';
import type { UnderWay } from './sandbox.js';

/** The actor, as far as a start needs it. */
export interface Startable {
  readonly record: WorkloadRecord;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
  enter(change: Partial<WorkloadRecord>): void;
}

/** Snapshots that a start may begin with. */
export interface SavedPort extends Pick<SnapshotPort, 'directory' | 'get'> {
  /** Throws when the snapshot is none for this workload or host. */
  fits(record: WorkloadRecord, saved: Saved): Promise<unknown>;
  /** See coming-back.ts. */
  comeBack(actor: Startable, options: ComeBack): Promise<void>;
}

/** The process of a workload, at the supervisor. */
export interface ProcessPort {
  /** What the witnesses of its end say now. */
  before(record: WorkloadRecord): Promise<Before>;
  spawn(record: WorkloadRecord, launch: Launch, signal: AbortSignal): Promise<HeldProcess>;
  forget(id: string, signal: AbortSignal): Promise<unknown>;
}

export interface StartPorts {
  readonly bootId: string;
  readonly config: Pick<Config, 'lifecycle'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly observer: Pick<Observer, 'started' | 'restored'>;
  readonly process: ProcessPort;
  readonly sandbox: {
    /** Throws when the host lacks what the spec names. */
    check(spec: WorkloadSpec): void;
    /** See sandbox.ts. */
    make(start: UnderWay): Promise<boolean>;
  };
  readonly saved: SavedPort;
}

interface DeadlinePorts extends Pick<StartPorts, 'config'> {
  readonly saved: Pick<SavedPort, 'get'>;
}

/**
 * Returns early, without an error, when the wish changes meanwhile. Throws BerthError or SysError; what exists then is
 * taken down by the caller.
 */
export async function startWorkload(actor: Startable, ports: StartPorts): Promise<void> {
  const ms = deadlineOf(actor.record, ports);
  const limit = timeLimit(ms);
  try {
    await startWithin(limit.signal, ms, actor, ports);
  } finally {
    limit.done();
  }
}

/** lifecycle.start_deadline, and the time to read the snapshot that it begins with. */
export function deadlineOf(record: WorkloadRecord, { config, saved: snapshots }: DeadlinePorts): number {
  const saved = waiting(record) ?? cloned(record.spec);
  const view = saved && snapshots.get(saved.of, saved.name);
  return (parseDuration(config.lifecycle.start_deadline) ?? 120_000) + (view ? slowestMs(bytesOf(view)) : 0);
}

async function startWithin(deadline: AbortSignal, ms: number, actor: Startable, ports: StartPorts): Promise<void> {
  const begun = performance.now();
  const within: UnderWay['within'] = (work) => inTime(work, deadline, ms);
  const wanted = () => actor.record.desired === 'running' || actor.record.desired === 'frozen';
  const { spec, state } = actor.record;
  const driver = ports.drivers.of(spec.driver);
  const saved = waiting(actor.record) ?? cloned(spec);
  const snapshot = saved && ports.saved.directory(saved.of, saved.name);
  const context = { ...ports.drivers.context(actor.record), snapshot };

  if (state === 'pending') actor.enter({ state: 'preparing', error: null, bootId: ports.bootId });
  ports.sandbox.check(spec);
  if (saved !== undefined) await within(ports.saved.fits(actor.record, saved));
  const { record } = actor;
  if (!(await ports.sandbox.make({ record, signal: deadline, within, wanted }))) return;
  const preparing = driver.prepare(spec, { ...context, signal: deadline });
  const launch = await within(preparing).catch((error: unknown) => {
    // What it has opened for a start that nobody waits for any more.
    void preparing.then((late) => late?.release?.()).catch(() => undefined);
    throw error;
  });
  try {
    if (!wanted()) return;
    await run(launch, { deadline, within }, actor, ports);
  } finally {
    await launch?.release?.();
  }
  const seconds = (performance.now() - begun) / 1000;
  ports.observer.started(spec.driver, seconds);
  if (saved !== undefined) ports.observer.restored(spec.driver, seconds);
}

async function run(
  launch: Launch | null,
  { deadline, within }: { readonly deadline: AbortSignal; readonly within: UnderWay['within'] },
  actor: Startable,
  { process, saved }: StartPorts,
): Promise<void> {
  const { spec } = actor.record;
  if (launch === null) return actor.patch({ state: 'running', error: null });
  if (actor.record.state === 'preparing') {
    // The exit of an earlier run must not be taken for that of this one, whatever crash comes next.
    await within(process.forget(spec.id, deadline));
    const begins = waiting(actor.record) === undefined ? cloned(spec) : undefined;
    await actor.patch({
      ...{ state: 'starting', before: await process.before(actor.record) },
      ...(begins && { saved: begins }),
    });
  }
  const held = await within(process.spawn(actor.record, launch, deadline));
  const { pid, startTime, startedAt } = held;
  const running = { state: 'running', error: null, process: { pid, startTime, startedAt } } as const;
  if (waiting(actor.record) === undefined) await actor.patch(running);
  else await within(saved.comeBack(actor, { process: held, signal: deadline, also: running }));
}

/** The snapshot that it is to begin with. */
function waiting({ saved }: WorkloadRecord): Saved | undefined {
  return saved?.phase === 'waiting' ? saved : undefined;
}

/** A start that only a full disk has held up goes on when there is room; the first one of a workload is told as failed. */
export function isHeldUp({ end }: WorkloadRecord, error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return end !== null && isFull(codeOf(cause));
}

/** What the spec says, or else its image. Undefined: SIGTERM. */
export function stopSignalOf(record: WorkloadRecord, drivers: Pick<DriverSet, 'context'>): StopSignal | undefined {
  return record.spec.stop.signal ?? drivers.context(record).image?.stopSignal;
}

/** The work itself cannot be called back; taking the sandbox down afterwards queues behind it and undoes it. */
async function inTime<T>(work: Promise<T>, deadline: AbortSignal, ms: number): Promise<T> {
  let giveUp = (): void => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    giveUp = () =>
      reject(new BerthError('deadline_exceeded', `the start took longer than ${ms} ms (lifecycle.start_deadline)`));
    deadline.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    deadline.removeEventListener('abort', giveUp);
  }
}
