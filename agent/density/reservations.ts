// Room set aside for a workload that will come: held in the ledger, durable before the answer, gone after its time. One
// file each, named after the workload's id. A reservation ends in one of three ways, and its file may outlast each by a
// crash without harm: committed, the workload's record counts and the file is dropped at the next start; released, it is
// removed before the room is free; run out, the file says so itself.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { changeFile } from '../base/change-file.js';
import { type Clock, type Deadline, deadlineIn, remaining } from '../base/clock.js';
import { type Damaged, readAll, removeFile, replaceFile } from '../base/durable.js';
import { SerialByKey } from '../base/serial.js';
import type { WorkloadSpec } from '../model/spec.js';
import { storedSpec } from '../model/stored-spec.js';

export interface Reservation {
  /** `ID.EXPIRY.RANDOM`: names this one and no later one of the same id, and tells when it is too late for it. */
  readonly token: string;
  readonly id: string;
  /** Who made it, and may commit or release it; null: somebody on the local socket. */
  readonly scheduler: string | null;
  readonly spec: WorkloadSpec;
  /** Bytes that the ledger counts for the driver's own memory; absent: made by an older agent. */
  readonly overhead?: number;
  readonly deadline: Deadline;
}

/** As told outside. */
export interface ReservationView {
  readonly reservation: string;
  readonly id: string;
  readonly tenant: string;
  readonly scheduler: string | null;
  /** Unix milliseconds, by the clock on the wall as it is now. */
  readonly expiresAt: number;
}

export interface ReservationsOptions {
  /** State directory of the agent. */
  readonly directory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly onDamaged: (damaged: Damaged) => void;
  /** Puts a reservation back where the disk has no room for it. Default: as any file. */
  readonly relief?: { replace(path: string, text: string): Promise<void> };
}

export const TTL_MS = { least: 1000, most: 24 * 3_600_000 } as const;

export class Reservations {
  readonly #directory: string;
  readonly #bootId: string;
  readonly #clock: Clock;
  readonly #onDamaged: (damaged: Damaged) => void;
  readonly #all = new Map<string, Reservation>();
  /** What the files hold. */
  readonly #kept = new Map<string, Reservation>();
  readonly #relieve: (path: string, text: string) => Promise<void>;
  /** Writes of one id, in order. */
  readonly #changes = new SerialByKey();

  constructor({ directory, bootId, clock, onDamaged, relief }: ReservationsOptions) {
    this.#directory = join(directory, 'reservations');
    this.#bootId = bootId;
    this.#clock = clock;
    this.#onDamaged = onDamaged;
    this.#relieve = relief === undefined ? replaceFile : (path, text) => relief.replace(path, text);
  }

  /** Those that still hold; files of the others are removed. `committed`: whether a workload of this id is there. */
  async load(committed: (id: string) => boolean): Promise<Reservation[]> {
    for (const found of await readAll(this.#directory, decode, this.#onDamaged)) {
      if (this.left(found) <= 0 || committed(found.id)) await removeFile(this.#path(found.id));
      else {
        this.#all.set(found.id, found);
        this.#kept.set(found.id, found);
      }
    }
    return [...this.#all.values()];
  }

  get(id: string): Reservation | undefined {
    return this.#all.get(id);
  }

  all(): readonly Reservation[] {
    return [...this.#all.values()];
  }

  left(reservation: Reservation): number {
    return remaining(reservation.deadline, this.#clock, this.#bootId);
  }

  /** In memory: the caller holds the room. `write` makes it durable. */
  make(spec: WorkloadSpec, scheduler: string | null, ttl: number, overhead: number): Reservation {
    const deadline = deadlineIn(ttl, this.#clock, this.#bootId);
    const random = randomBytes(6).toString('hex');
    const token = this.#all.get(spec.id)?.token ?? `${spec.id}.${Math.round(deadline.wall).toString(36)}.${random}`;
    const made = { token, id: spec.id, scheduler, spec, overhead, deadline };
    this.#all.set(spec.id, made);
    return made;
  }

  /** Durable when it resolves. */
  write(reservation: Reservation): Promise<void> {
    return this.#changes.run(reservation.id, () => this.#change(reservation.id, reservation));
  }

  /** Forgets it at once; resolves when the file is gone. */
  drop(id: string): Promise<void> {
    this.#all.delete(id);
    return this.#changes.run(id, async () => {
      // Another one of this id may have been made meanwhile: then its file is wanted.
      if (!this.#all.has(id)) await this.#change(id, undefined);
    });
  }

  /** Takes it out of memory only: it is being committed, and must not run out meanwhile. */
  take(id: string): Reservation | undefined {
    const taken = this.#all.get(id);
    this.#all.delete(id);
    return taken;
  }

  /** As before a commit or a release that failed. */
  putBack(before: Reservation): void {
    this.#all.set(before.id, before);
  }

  /** As before a write that failed; the reservation that still holds. */
  undo({ id }: Reservation): Reservation | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) this.#all.delete(id);
    else this.#all.set(id, kept);
    return kept;
  }

  /** Whether the time of this reservation, of which nothing else is known any more, is over. */
  isLate(token: string): boolean {
    return Number.parseInt(token.split('.')[1] ?? '', 36) <= this.#clock.wall();
  }

  /** Those whose time is over. */
  expired(): Reservation[] {
    if (this.#all.size === 0) return [];
    // Read once: each look at the boot clock is a system call.
    const [boot, wall] = [this.#clock.boot(), this.#clock.wall()];
    const now: Clock = { boot: () => boot, wall: () => wall };
    return [...this.#all.values()].filter(({ deadline }) => remaining(deadline, now, this.#bootId) <= 0);
  }

  view({ token, id, spec, scheduler, ...rest }: Reservation): ReservationView {
    const expiresAt = Math.round(this.#clock.wall() + this.left({ token, id, spec, scheduler, ...rest }));
    return { reservation: token, id, tenant: spec.tenant, scheduler, expiresAt };
  }

  async #change(id: string, after: Reservation | undefined): Promise<void> {
    const text = (of: Reservation | undefined) => (of === undefined ? undefined : encode(of));
    await changeFile(this.#path(id), text(after), () => text(this.#kept.get(id)), { restore: this.#relieve });
    if (after === undefined) this.#kept.delete(id);
    else this.#kept.set(id, after);
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

const VERSION = 1;

function encode(reservation: Reservation): string {
  return `${JSON.stringify({ version: VERSION, reservation })}\n`;
}

function decode(text: string, file: string): Reservation {
  const entry = JSON.parse(text) as { version?: unknown; reservation?: Reservation } | null;
  const { version, reservation } = entry ?? {};
  // Later versions only add to it.
  if (!Number.isInteger(version) || typeof reservation?.spec !== 'object' || reservation.spec === null)
    throw new Error('holds no reservation');
  if (reservation.id !== file) throw new Error(`holds the reservation of ${reservation.id}`);
  const { bootId, boot, wall, ttl } = reservation.deadline ?? {};
  if (typeof bootId !== 'string' || ![boot, wall, ttl].every(Number.isFinite)) throw new Error('has no deadline');
  return { ...reservation, spec: storedSpec(reservation.spec) };
}
