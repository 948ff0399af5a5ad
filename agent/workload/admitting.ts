// The one way in: from a spec to a record that is durable, for a new workload and for the next start of one at rest. Either
// all of it is given (room, addresses, ports, names, the reservation is used up) and on disk, or nothing has changed.

import type { Claimant } from '../model/claimant.js';
import type { Sandbox, WorkloadRecord } from '../model/record.js';
import type { Saved } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Actor } from './actor.js';
import type { Admission, Kept } from './admission.js';
import type { Reserving } from './reserving.js';

export interface AdmittingPorts {
  readonly admission: Pick<Admission, 'check' | 'admit'>;
  readonly reserving: Pick<Reserving, 'committed' | 'require' | 'take' | 'takeBack'>;
  /** Throws when the snapshot is none for it. */
  readonly fits: (record: Pick<WorkloadRecord, 'spec'>, saved: Saved) => Promise<unknown>;
  /** Takes back a ready-made network of which nothing was made. */
  readonly giveBackSlot: (sandbox: Sandbox) => void;
}

export interface Candidate {
  readonly spec: WorkloadSpec;
  readonly kept: Kept;
  readonly claimant: Claimant;
  /** What its run is to begin with. */
  readonly begins?: Saved | undefined;
  /** Asked once when nothing is awaited any more: false when another request was first. */
  readonly wanted: () => boolean;
  /** Has the record in memory when it returns. */
  readonly place: (record: WorkloadRecord) => { readonly actor: Actor; readonly written: Promise<void> };
  /** The record did not become durable: takes it out of memory and gives its room back. */
  readonly drop: (actor: Actor) => void;
}

export interface Admitted {
  readonly actor: Actor;
  /** As it was made durable. */
  readonly record: WorkloadRecord;
}

/** Undefined: it is not wanted any more. Throws what the check, the reservation and admission do, and what the disk does. */
export async function admit(candidate: Candidate, ports: AdmittingPorts): Promise<Admitted | undefined> {
  const { spec, kept, claimant, begins } = candidate;
  const { admission, reserving } = ports;
  await admission.check(spec);
  if (begins) await ports.fits({ spec }, begins);
  // From here to the write nothing is awaited: two requests for one id cannot pass each other.
  if (!candidate.wanted()) return undefined;
  reserving.require(spec, claimant);
  const admitted = admission.admit(spec, kept, claimant, begins);
  const reservation = reserving.take(spec.id);
  const { actor, written } = candidate.place(admitted);
  const { record } = actor;
  await written.catch((error: unknown) => {
    ports.giveBackSlot(admitted.sandbox);
    candidate.drop(actor);
    if (reservation !== undefined) reserving.takeBack(reservation);
    throw error;
  });
  if (reservation !== undefined) reserving.committed(reservation);
  return { actor, record };
}
