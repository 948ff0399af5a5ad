// A virtual machine to disk. Between any two lines the agent may die: then the guest goes on and the snapshot is gone, or the snapshot
// is whole and the guest has not run since. What tells the two apart is the record: `writing` or `waiting`.
import { timeLimit } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import type { Log } from '../base/log.js';
import type { VmSnapshots } from '../drivers/driver.js';
import type { Layers } from '../limits/layers.js';
import type { WorkloadRecord } from '../model/record.js';
import { type Saved, type SnapshotView, templateOf } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';
import { machineDigest } from '../snapshots/manifest.js';
import type { DriverSet } from './driver-set.js';
import type { Freezable } from './freezing.js';
import type { Observer, SnapshotPort } from './ports.js';
import { type RoomPorts, requireRoom } from './snapshot-room.js';

type Savable = Freezable;

/** No longer does a stop of the workload wait for its monitor. */
const UNDO_MS = 5000;

export interface SaveOptions {
  /** The guest goes on afterwards; otherwise it stops, and the next start lets it go on. */
  readonly live: boolean;
}

/** What says whether a snapshot is one for this host. */
export interface FitPorts {
  readonly drivers: Pick<DriverSet, 'of' | 'host'>;
  readonly snapshots: Pick<SnapshotPort, 'verify'>;
}

/** What lets a guest go on as if no snapshot had been made. */
export interface UndoPorts {
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly snapshots: Pick<SnapshotPort, 'remove'>;
}

export interface SavePorts extends RoomPorts, UndoPorts {
  readonly bootId: string;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly layers: Pick<Layers, 'of'>;
  readonly observer: Pick<Observer, 'saved'>;
  readonly snapshots: RoomPorts['snapshots'] & Pick<SnapshotPort, 'begin' | 'complete' | 'remove'>;
  readonly log: Log;
}

/** The save of one workload that is under way. */
export class SaveUnderWay {
  #end: AbortController | undefined;

  /** To be called between two rounds; `save` is called with what calls it off. */
  async run(save: (signal: AbortSignal) => Promise<SnapshotView>): Promise<SnapshotView> {
    this.#end = new AbortController();
    try {
      return await save(this.#end.signal);
    } finally {
      this.#end = undefined;
    }
  }

  /** For whoever ends the workload. */
  callOff(): void {
    this.#end?.abort();
  }
}

/**
 * Resolves when the snapshot, and what becomes of the workload, is durable; `signal` calls it off. Throws `snapshot_unsupported`,
 * `snapshot_failed`, `invalid_state`, `disk_full`; then the guest goes on, or does when the actor comes to it.
 */
export async function save(
  actor: Savable,
  ports: SavePorts,
  { live }: SaveOptions,
  signal: AbortSignal,
): Promise<SnapshotView> {
  const { record } = actor;
  const { id, spec, sandbox } = record;
  const vm = snapshotsOf(record, ports.drivers);
  const problem = unsavable(spec, vm, live);
  if (problem !== undefined) throw unsupported(record, problem);
  requireRunning(record, ports);
  await requireRoom(record, ports, live);
  const { name, directory } = await ports.snapshots.begin(id, record.lastSnapshot);
  const { address, address6 } = sandbox;
  const saved: Saved = { of: id, name, phase: 'writing', address, address6 };
  try {
    // With its name, which is never given to another one.
    await actor.patch({ saved, lastSnapshot: Number(name) });
    const context = { ...ports.drivers.context(record), signal };
    const still = performance.now();
    const files = await vm.save(spec, context, directory);
    const at = Date.now();
    const { bootId } = ports;
    const { tenant, driver } = spec;
    const fit = await vm.fit(spec, context);
    const view = await ports.snapshots.complete(
      { workload: id, name, tenant, driver, at, bootId, live, spec: machineDigest(spec), fit, address, address6 },
      files,
    );
    if (live) await goOn(actor, ports, signal);
    else {
      // A stop or delete that was wished meanwhile waits for nobody, and wants no snapshot.
      if (actor.record.desired !== 'running' || actor.record.restartRequested) throw calledOff(actor.record);
      await actor.patch({ saved: { ...saved, phase: 'waiting' }, desired: 'stopped', restartRequested: false });
    }
    ports.observer.saved(driver, (performance.now() - still) / 1000);
    return view;
  } catch (error) {
    // Who called it off ends the workload: what is left to do, its actor knows.
    if (signal.aborted && actor.record.saved?.phase === 'writing') throw calledOff(actor.record);
    await undo(actor, ports, name).catch((err: unknown) =>
      ports.log.error({ workload: id, err }, 'the guest does not go on yet; will try again'),
    );
    throw signal.aborted ? calledOff(actor.record) : error;
  }
}

/** As before a snapshot that did not come about. May be repeated: a monitor may answer only when it has written all of the memory. */
export async function undo(actor: Savable, ports: UndoPorts, name: string): Promise<void> {
  await ports.snapshots.remove(actor.record.id, name);
  const limit = timeLimit(UNDO_MS);
  try {
    await goOn(actor, ports, limit.signal);
  } finally {
    limit.done();
  }
}

/** Throws `invalid_spec` for one that is to be suspended when it is idle, and never can be. */
export function requireSuspension(spec: WorkloadSpec, { drivers }: { readonly drivers: Pick<DriverSet, 'of'> }): void {
  if (spec.idle === undefined) return;
  const problem = unsavable(spec, snapshotsOf({ id: spec.id, spec }, drivers), false);
  if (problem === undefined) return;
  throw new BerthError('invalid_spec', `the workload is not valid: idle: it cannot be suspended: ${problem}`, {
    data: { field: 'idle' },
  });
}

/** Why the snapshot is not one for this host and spec. Throws `snapshot_damaged`, `snapshot_incompatible`. */
export async function requireFit(
  record: Pick<WorkloadRecord, 'spec'>,
  { of, name }: Pick<Saved, 'of' | 'name'>,
  ports: FitPorts,
): Promise<SnapshotView> {
  const { spec } = record;
  const view = await ports.snapshots.verify(of, name);
  const vm = ports.drivers.of(spec.driver).vm?.snapshots;
  const own =
    view.driver === spec.driver && vm !== undefined
      ? await vm.fit(spec, { ...ports.drivers.host, mountRoots: [] })
      : undefined;
  const differing = own === undefined ? ['driver'] : differences(view.fit, own);
  if (view.spec !== machineDigest(spec)) differing.push('spec');
  if (differing.length === 0) return view;
  const first = differing[0] ?? '';
  const was = view.fit[first];
  const is = own?.[first];
  const figures = was === undefined || is === undefined ? '' : `: it was made with ${was}, and here is ${is}`;
  throw new BerthError(
    'snapshot_incompatible',
    `snapshot ${name} of workload "${of}" does not fit, as ${differing.join(', ')} differ${figures}`,
    {
      hint:
        of === spec.id
          ? `Put back what differs, or delete the snapshot: \`berth workload delete-snapshot ${of} ${name}\`; the next start then boots the guest.`
          : `Give the clone the same kernel, initrd and \`${spec.driver}\` fields as ${of} (\`berth workload spec ${of}\` prints them). If the host differs, make a new snapshot: \`berth workload snapshot ${of} --keep-running\`.`,
      data: { workload: of, name, differing },
    },
  );
}

function unsavable(spec: WorkloadSpec, vm: VmSnapshots, live: boolean): string | undefined {
  if (templateOf(spec) !== undefined) return 'it is a clone: save the workload that it is a clone of';
  return vm.problem(spec, live);
}

export function snapshotsOf(record: Pick<WorkloadRecord, 'id' | 'spec'>, drivers: Pick<DriverSet, 'of'>): VmSnapshots {
  const snapshots = drivers.of(record.spec.driver).vm?.snapshots;
  if (snapshots === undefined) throw unsupported(record, `driver "${record.spec.driver}" saves no state`);
  return snapshots;
}

async function goOn(actor: Savable, { drivers }: Pick<UndoPorts, 'drivers'>, signal: AbortSignal): Promise<void> {
  const { record } = actor;
  await snapshotsOf(record, drivers).resume(record.spec, { ...drivers.context(record), signal });
  await actor.patch({ saved: null });
}

function differences(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]);
}

function requireRunning({ id, state, desired, saved }: WorkloadRecord, { layers }: Pick<SavePorts, 'layers'>): void {
  const braked = layers.of(id, 'freeze').length > 0;
  if (state === 'running' && desired === 'running' && !saved && !braked) return;
  const why = braked
    ? 'is frozen by the pressure ladder'
    : saved
      ? 'is being saved or comes back from a snapshot'
      : `is ${state}`;
  throw new BerthError('invalid_state', `workload "${id}" ${why}; only one that runs can be saved`, {
    hint: `Look at \`berth workload show ${id}\`; start or thaw it first.`,
    data: { id, state },
  });
}

function calledOff({ id, desired, restartRequested }: WorkloadRecord): BerthError {
  const wanted = restartRequested ? 'restarted' : desired === 'running' ? 'killed' : desired;
  return new BerthError('invalid_state', `workload "${id}" is to be ${wanted}, so that its snapshot was given up`, {
    data: { id },
  });
}

function unsupported({ id }: Pick<WorkloadRecord, 'id'>, problem: string): BerthError {
  return new BerthError('snapshot_unsupported', `workload "${id}" cannot be saved: ${problem}`, { data: { id } });
}
