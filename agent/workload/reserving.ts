// Reservations of workloads to come: reserve -> commit (create) -> release, or the time runs out. See
// density/reservations.ts for what is on disk when.

import { BerthError } from '../../protocol/errors.js';
import { noReservation } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Demand } from '../density/demand.js';
import type { Density } from '../density/density.js';
import { type Reservation, type ReservationView, TTL_MS } from '../density/reservations.js';
import type { Claimant } from '../model/claimant.js';
import type { EventPort } from '../model/event.js';
import { actorField, type EventActor } from '../model/event.js';
import type { WorkloadSpec } from '../model/spec.js';
import { isSameSpec } from '../model/stored-spec.js';
import type { Claims } from '../network/claims.js';
import type { Placement } from '../placement/placement.js';
import type { Admission } from './admission.js';

export interface ReservePorts {
  readonly claims: Pick<Claims, 'claim' | 'forget' | 'release'>;
  readonly density: Pick<Density, 'clock' | 'demand' | 'ledger' | 'release' | 'reservations'>;
  readonly placement: Pick<Placement, 'promise' | 'remove'>;
  readonly events: EventPort;
  readonly log: Log;
}

export class Reserving {
  readonly #ports: ReservePorts;
  readonly #admission: Admission;
  readonly #exists: (id: string) => boolean;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(ports: ReservePorts, admission: Admission, exists: (id: string) => boolean) {
    this.#ports = ports;
    this.#admission = admission;
    this.#exists = exists;
  }

  /** After the workloads: theirs is what they have, and a reservation takes what is left. */
  async restore(): Promise<void> {
    const { claims, density, log, placement } = this.#ports;
    for (const reservation of await density.reservations.load(this.#exists)) {
      density.ledger.reserve(reservation.id, this.#demand(reservation));
      placement.promise(this.#admission.seat(reservation.spec));
      try {
        claims.claim(reservation.spec);
      } catch (error) {
        // The pool is another one by now. The room in the ledger stays; the commit will say what is missing.
        log.warn({ reservation: reservation.token, err: error }, 'addresses of a reservation are gone');
      }
    }
    this.#schedule();
  }

  /** Durable when it resolves. The same again, by the same, renews the time. */
  async reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number, by?: EventActor): Promise<ReservationView> {
    if (ttl < TTL_MS.least || ttl > TTL_MS.most)
      throw new BerthError('invalid_params', `ttl: must be from ${TTL_MS.least} to ${TTL_MS.most} ms`);
    this.#admission.requireOpen();
    await this.#admission.check(spec);
    // From here to the write nothing is awaited.
    if (this.#exists(spec.id))
      throw new BerthError('conflict', `workload "${spec.id}" exists`, { data: { id: spec.id } });
    const { density, events } = this.#ports;
    this.expire();
    const before = density.reservations.get(spec.id);
    if (before !== undefined) this.#requireOwner(before, scheduler);
    if (before !== undefined && !isSameSpec(spec, before.spec))
      throw new BerthError('conflict', `"${spec.id}" is reserved with another spec`, {
        hint: 'Release the reservation first, or choose another id.',
        data: { id: spec.id },
      });
    const { overhead } = this.#admission.setAside(spec);
    const made = density.reservations.make(spec, scheduler, ttl, overhead);
    try {
      await density.reservations.write(made);
    } catch (error) {
      if (density.reservations.get(spec.id) === made) {
        if (density.reservations.undo(made) === undefined) this.#free(spec.id);
      }
      throw error;
    }
    this.#schedule();
    const { id, tenant } = spec;
    if (before === undefined)
      events.append({ type: 'reservation.made', workload: id, tenant, data: { scheduler, ttl }, ...actorField(by) });
    return density.reservations.view(made);
  }

  /** `name`: the id, or the whole token. Throws `reservation_not_found`, `reservation_foreign`. */
  async release(name: string, scheduler: string | null, by?: EventActor): Promise<ReservationView> {
    const { density, events } = this.#ports;
    this.expire();
    const [id = ''] = name.split('.');
    const found = density.reservations.get(id);
    if (found === undefined || (name !== id && found.token !== name)) throw this.#gone(name);
    this.#requireOwner(found, scheduler, 'release');
    const view = density.reservations.view(found);
    try {
      await density.reservations.drop(id);
    } catch (error) {
      if (density.reservations.get(id) === undefined && !this.#exists(id)) density.reservations.putBack(found);
      throw error;
    }
    // Its room is free only now, unless it was reserved anew meanwhile.
    if (density.reservations.get(id) === undefined) this.#free(id);
    const { tenant } = found.spec;
    events.append({ type: 'reservation.released', workload: id, tenant, data: {}, ...actorField(by) });
    return view;
  }

  /** Throws unless `claimant` may create this workload now, as far as reservations are concerned. */
  require(spec: WorkloadSpec, claimant: Claimant): void {
    this.expire();
    const found = this.#ports.density.reservations.get(spec.id);
    const { reservation: token } = claimant;
    if (found === undefined) {
      if (token !== undefined) throw this.#gone(token);
      return;
    }
    this.#requireOwner(found, claimant.scheduler);
    if (token !== undefined && token !== found.token) throw this.#gone(token);
  }

  /** For the workload that is admitted now; `committed` or `takeBack` follows. */
  take(id: string): Reservation | undefined {
    return this.#ports.density.reservations.take(id);
  }

  /** Its workload is durable. The file may go at any time: at a start, the workload counts. */
  committed({ id, token }: Reservation): void {
    const { density, log } = this.#ports;
    density.reservations
      .drop(id)
      .catch((error: unknown) => log.warn({ reservation: token, err: error }, 'not removed'));
  }

  /** Its commit did not become durable: what it set aside is set aside again. */
  takeBack(reservation: Reservation): void {
    const { claims, density, placement } = this.#ports;
    density.reservations.putBack(reservation);
    density.ledger.reserve(reservation.id, this.#demand(reservation));
    placement.promise(this.#admission.seat(reservation.spec));
    claims.claim(reservation.spec);
    this.#schedule();
  }

  /** As it was when it was made: what was measured since must not make it too small. */
  #demand({ spec, overhead }: Reservation): Demand {
    return this.#admission.demand(spec, [], overhead);
  }

  /** What is said of a reservation that is not there any more. */
  #gone(name: string): BerthError {
    const [id = ''] = name.split('.');
    const data = { reservation: name };
    if (this.#exists(id))
      return new BerthError('reservation_committed', `reservation "${name}" was committed: the workload exists`, {
        data,
      });
    if (name.includes('.') && this.#ports.density.reservations.isLate(name))
      return new BerthError('reservation_expired', `the time of reservation "${name}" is over`, { data });
    return noReservation(name);
  }

  /** Frees what has run out. Called before every decision about a reservation, so that no timer has to be exact. */
  expire(): void {
    const { density, events, log } = this.#ports;
    for (const { id, token, spec } of density.reservations.expired()) {
      density.reservations
        .drop(id)
        .catch((error: unknown) => log.warn({ reservation: token, err: error }, 'not removed'));
      this.#free(id);
      events.append({ type: 'reservation.expired', workload: id, tenant: spec.tenant, data: {} });
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** The local socket has every right to take away what is not used; to use it is the owner's alone. */
  #requireOwner(found: Reservation, scheduler: string | null, act: 'use' | 'release' = 'use'): void {
    if (found.scheduler === scheduler || (act === 'release' && scheduler === null)) return;
    const owner = found.scheduler === null ? 'somebody on the local socket' : `scheduler "${found.scheduler}"`;
    throw new BerthError('reservation_foreign', `"${found.id}" is reserved by ${owner}`, {
      data: { id: found.id, owner: found.scheduler, scheduler },
    });
  }

  #free(id: string): void {
    const { claims, density } = this.#ports;
    // A workload that was created meanwhile may have its room set aside, too: until others are gone.
    if (this.#exists(id) || density.ledger.hold(id)?.phase !== 'reserved') return;
    this.#admission.release(id);
    // There is no workload of this id, for which the number of its tenant would have to stay.
    claims.forget(id);
  }

  /** Wakes up when the next one runs out; a second later than exact is early enough. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const { density } = this.#ports;
    const left = density.reservations.all().map((one) => density.reservations.left(one));
    if (left.length === 0 || this.#closed) return;
    const wait = Math.min(60_000, Math.max(10, Math.min(...left) + 10));
    this.#timer = setTimeout(() => {
      this.expire();
      this.#schedule();
    }, wait).unref();
  }
}
