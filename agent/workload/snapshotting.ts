// What sessions may ask of the snapshots of workloads.

import { BerthError } from '../../protocol/errors.js';
import { noWorkload } from '../base/errors.js';
import { inRange, type Range } from '../base/pages.js';
import type { EventActor } from '../model/event.js';
import { isSettled } from '../model/lifecycle.js';
import type { WorkloadRecord } from '../model/record.js';
import { bytesOf, type SnapshotView, snapshotKey } from '../model/snapshot.js';
import type { Actor } from './actor.js';
import type { SnapshotPort } from './ports.js';
import type { SaveOptions } from './saving.js';

export interface SnapshotFilter extends Range {
  /** Whether the session sees what is of this tenant. */
  readonly sees: (tenant: string) => boolean;
  readonly workload?: string;
}

export class Snapshotting {
  readonly #snapshots: Pick<SnapshotPort, 'get' | 'list' | 'remove'>;
  readonly #actors: ReadonlyMap<string, Actor>;

  constructor(snapshots: Pick<SnapshotPort, 'get' | 'list' | 'remove'>, actors: ReadonlyMap<string, Actor>) {
    this.#snapshots = snapshots;
    this.#actors = actors;
  }

  /**
   * Writes the state of a virtual machine to disk. `live`: it goes on; otherwise it stops, and its next start goes on from there.
   * Resolves when that is durable. Throws `snapshot_unsupported`, `snapshot_failed`, `invalid_state`.
   */
  async make(id: string, options: SaveOptions, by?: EventActor): Promise<SnapshotView> {
    const actor = this.#actors.get(id);
    if (actor === undefined) throw noWorkload(id);
    const begun = performance.now();
    try {
      const view = await actor.save(options);
      const ms = Math.round(performance.now() - begun);
      actor.event('workload.saved', { name: view.name, live: view.live, bytes: bytesOf(view), ms }, by);
      return view;
    } finally {
      actor.wake();
    }
  }

  /** By workload and name. */
  list({ sees, workload, ...range }: SnapshotFilter): SnapshotView[] {
    const seen = this.#snapshots
      .list()
      .filter((view) => sees(view.tenant) && (workload === undefined || view.workload === workload));
    return inRange(seen, snapshotKey, range);
  }

  /** Takes a snapshot away; a workload that would begin with it boots. Throws `not_found`, `invalid_state`. */
  async delete(id: string, name: string, by?: EventActor): Promise<SnapshotView> {
    const snapshots = this.#snapshots;
    const actor = this.#actors.get(id);
    if (actor === undefined) throw noWorkload(id);
    const view = snapshots.get(id, name) ?? lost(actor.record, name);
    // What an earlier workload of this id has left is that of its tenant.
    if (view?.tenant !== actor.record.spec.tenant) throw noSnapshot(id, name);
    await actor.exclusive(async () => {
      const { saved, state } = actor.record;
      const begins = saved?.of === id && saved.name === name;
      if (begins && !isSettled(state)) throw inUse(id, name);
      if (begins) await actor.patch({ saved: null });
      await snapshots.remove(id, name);
    });
    actor.event('workload.snapshot_deleted', { name }, by);
    return view;
  }
}

/** The state of a suspended workload whose manifest is gone or cannot be read: as its record has it. */
function lost({ id, spec, saved, end }: WorkloadRecord, name: string): SnapshotView | undefined {
  if (saved?.phase !== 'waiting' || saved.of !== id || saved.name !== name) return undefined;
  const { address, address6 } = saved;
  const { tenant, driver } = spec;
  const unknown = { bootId: '', spec: '', fit: {}, files: [] };
  return { ...unknown, ...{ workload: id, name, tenant, driver, at: end?.at ?? 0, live: false, address, address6 } };
}

function noSnapshot(id: string, name: string): BerthError {
  return new BerthError('not_found', `workload "${id}" has no snapshot "${name}"`, {
    hint: 'See `berth workload snapshots`.',
    data: { id, name },
  });
}

function inUse(id: string, name: string): BerthError {
  return new BerthError('invalid_state', `snapshot ${name} of workload "${id}" is being written or read`, {
    hint: `Wait until \`berth workload show ${id}\` shows it running or exited.`,
    data: { id, name },
  });
}
