// All workloads of the host: what may be asked of them, checked and made durable here, done by their actors.
import { sliced } from '../../linux/sliced.js';
import type { SandboxNetwork } from '../../netns/types.js';
import { BerthError } from '../../protocol/errors.js';
import { noWorkload } from '../base/errors.js';
import type { Density } from '../density/density.js';
import type { ReservationView } from '../density/reservations.js';
import type { CapacityRow } from '../model/capacity.js';
import { type Claimant, NOBODY, type Reach } from '../model/claimant.js';
import type { EventActor } from '../model/event.js';
import { isSettled } from '../model/lifecycle.js';
import type { FitsAnswer } from '../model/preemption.js';
import type { Desired, Evicted, WorkloadRecord, WorkloadState, WorkloadView } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import { fieldChanges, type MergePatch } from '../model/spec-change.js';
import { carryOver, isSameSpec } from '../model/stored-spec.js';
import type { Claims } from '../network/claims.js';
import type { Target } from '../network/drift.js';
import type { PlacementRequest } from '../placement/types.js';
import type { Actor } from './actor.js';
import type { Admission } from './admission.js';
import type { Admitted, Candidate } from './admitting.js';
import type { Draining } from './draining.js';
import type { Health } from './health/health.js';
import type { InKernel, Known } from './in-kernel.js';
import type { Journal } from './journal.js';
import type { Owner, Waiter } from './owner.js';
import type { Preempting } from './preempting.js';
import type { Recovery } from './recover.js';
import type { Reserving } from './reserving.js';
import type { Snapshotting } from './snapshotting.js';
import { type Changed, type ChangeOptions, patched, type Updating } from './updating.js';
import type { viewOf } from './view.js';
import type { LifeWish, Wishes } from './wishes.js';

/** The classes of this room that look after all workloads. */
export interface ManagerParts {
  readonly actors: Map<string, Actor>;
  readonly admission: Admission;
  /** See admitting.ts. */
  readonly admit: (candidate: Candidate) => Promise<Admitted | undefined>;
  readonly draining: Draining;
  readonly health: Pick<Health, 'changed' | 'close' | 'forget' | 'ready'>;
  readonly inKernel: InKernel;
  readonly preempting: Preempting;
  readonly reserving: Reserving;
  readonly snapshots: Snapshotting;
  readonly updating: Updating;
  readonly wishes: Wishes;
}

export interface ManagerPorts {
  readonly claims: Pick<Claims, 'forget' | 'restore'>;
  readonly density: Pick<Density, 'load' | 'look' | 'reconcileAudit' | 'rows'>;
  readonly journal: Pick<Journal, 'write'>;
  /** The actor of a workload; nothing is done before it is woken. */
  actor(owner: Owner, record: WorkloadRecord): Actor;
  /** See recover.ts. */
  recover(adopt: (record: WorkloadRecord) => Actor, known: () => Promise<void>): Promise<Recovery>;
  /** What runs keeps its cpus; what has nothing in the kernel yet gets its own at the start. */
  seatAll(request: (spec: WorkloadSpec) => PlacementRequest): Promise<void>;
  repairNetwork(network: SandboxNetwork, process: Target['process']): Promise<unknown>;
  /** Its place in the queue of starts. */
  turn(id: string): WorkloadView['waiting'];
  view(record: WorkloadRecord, now: Parameters<typeof viewOf>[2]): WorkloadView;
}

export class Manager {
  readonly draining: Draining;
  readonly snapshots: Snapshotting;
  readonly #parts: ManagerParts;
  readonly #ports: ManagerPorts;
  readonly #actors: Map<string, Actor>;

  constructor(parts: ManagerParts, ports: ManagerPorts) {
    this.#parts = parts;
    this.#ports = ports;
    this.#actors = parts.actors;
    this.draining = parts.draining;
    this.snapshots = parts.snapshots;
  }

  /**
   * Takes over what the journal and the supervisor know. Resolves when every workload has its actor, running ones adopted.
   * `keepOut` is called when all of them are known, and before anything is given out that they do not have.
   */
  async recover(keepOut: () => Promise<void> = async () => undefined): Promise<Recovery> {
    await this.#ports.density.load();
    const recovery = await this.#ports.recover(
      (record) => this.#adopt(record),
      async () => {
        await this.#ports.seatAll((spec) => this.#parts.admission.seat(spec));
        await this.draining.recover();
      },
    );
    // What the kernel counts is theirs, and not of others, from now on.
    this.#ports.density.look();
    await keepOut();
    await this.#parts.reserving.restore();
    await this.#ports.density.reconcileAudit();
    this.draining.changed();
    return recovery;
  }

  get cordoned(): boolean {
    return this.#parts.admission.cordoned;
  }

  setCordoned(cordoned: boolean): void {
    this.#parts.admission.cordoned = cordoned;
  }

  capacity(): CapacityRow[] {
    return this.#ports.density.rows();
  }

  has(id: string): boolean {
    return this.#actors.has(id);
  }

  actor(id: string): Actor {
    const actor = this.#actors.get(id);
    if (!actor) throw noWorkload(id);
    return actor;
  }

  /** Of all workloads, stopped ones among them. */
  tenants(): ReadonlySet<string> {
    return new Set([...this.#actors.values()].map(({ record }) => record.spec.tenant));
  }

  all(): Iterable<Actor> {
    return this.#actors.values();
  }

  /** What has failed may work by now: whoever waits for the next try does it at once. */
  async retry(): Promise<void> {
    for await (const actor of sliced(this.#actors.values())) actor.retry();
  }

  records(): WorkloadRecord[] {
    return [...this.#actors.values()].map((actor) => actor.record);
  }

  /** See InKernel. */
  known(): Promise<Known> {
    return this.#parts.inKernel.known();
  }

  holdsNetns(name: string): boolean {
    return this.#parts.inKernel.holdsNetns(name);
  }

  networks(): Promise<SandboxNetwork[]> {
    return this.#parts.inKernel.networks();
  }

  targets(): Promise<Target[]> {
    return this.#parts.inKernel.targets();
  }

  /** Makes the network of a workload again, unless it is another one by now. */
  repairNetwork({ id, version, network, process }: Target): Promise<boolean> {
    const actor = this.#actors.get(id);
    if (actor === undefined) return Promise.resolve(false);
    return actor.exclusive(async () => {
      if (actor.record !== version) return false;
      await this.#ports.repairNetwork(network, process);
      return true;
    });
  }

  /** The dry run of `create`, on the same code path. Throws what is not a question of room. */
  fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer> {
    this.#parts.reserving.expire();
    return this.#parts.admission.fits(spec, reach);
  }

  reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number, by?: EventActor): Promise<ReservationView> {
    return this.#parts.reserving.reserve(spec, scheduler, ttl, by);
  }

  releaseReservation(name: string, scheduler: string | null, by?: EventActor): Promise<ReservationView> {
    return this.#parts.reserving.release(name, scheduler, by);
  }

  async create(spec: WorkloadSpec, claimant: Claimant = NOBODY): Promise<WorkloadView> {
    const known = this.#actors.get(spec.id);
    if (known) return this.#same(known, spec, claimant);
    const admitted = await this.#parts.admit({
      ...{ spec, claimant, kept: { createdAt: Date.now(), generation: 1, restarts: 0 } },
      wanted: () => !this.#actors.has(spec.id),
      place: (record) => {
        const actor = this.#register(record);
        return { actor, written: actor.lastWrite.begun(this.#ports.journal.write(record)) };
      },
      drop: (actor) => {
        actor.close();
        this.#drop(spec.id);
      },
    });
    if (admitted === undefined) return this.#same(this.actor(spec.id), spec, claimant);
    const { actor, record } = admitted;
    actor.event('workload.created', { driver: spec.driver, generation: 1 }, claimant.by);
    actor.wake({ cold: true });
    // As it was made durable: what becomes of it, however soon, is no part of the answer.
    return this.view(record);
  }

  /** Called off by the signal, by a stop or delete, and by `endUpdates`: then nothing has changed. */
  async update(id: string, spec: WorkloadSpec, options: ChangeOptions = {}): Promise<WorkloadView & Changed> {
    if (spec.id !== id) throw new BerthError('invalid_spec', `the spec is of "${spec.id}", not of "${id}"`);
    return this.#change(this.actor(id), () => spec, options);
  }

  /** As `update`, with a JSON merge patch (RFC 7386) of the stored specification. */
  async patch(id: string, patch: MergePatch, options: ChangeOptions = {}): Promise<WorkloadView & Changed> {
    return this.#change(this.actor(id), patched(patch), options);
  }

  /** See lifecycle.ts for what follows from a wish; the answer is what is durable when it is made. */
  async wish(
    id: string,
    wish: LifeWish,
    { by, ...options }: { readonly now?: boolean; readonly by?: EventActor } = {},
  ): Promise<WorkloadView> {
    const actor = this.actor(id);
    const before = actor.record;
    const record = await this.#parts.wishes.carryOut(actor, wish, options);
    if (by !== undefined && isOtherWish(before, record)) actor.event('workload.requested', { wish, ...options }, by);
    this.#parts.updating.running.wished(record);
    // It may go now, or not any more.
    this.#parts.preempting.changed(id);
    return this.view(record);
  }

  /** As `wish`, by what the workload is to be. */
  setDesired(
    id: string,
    desired: Desired,
    { restart = false, ...options }: { readonly now?: boolean; readonly restart?: boolean } = {},
  ): Promise<WorkloadView> {
    const wishes = {
      running: restart ? 'restart' : 'start',
      frozen: 'freeze',
      stopped: 'stop',
      deleted: 'delete',
    } as const;
    return this.wish(id, wishes[desired], options);
  }

  /**
   * Has a workload stop for others, as `stop` would, but for the reason, which is durable when this resolves, before it is
   * asked. Its room is free when it has come to rest, and `start` admits it anew. False: it is gone, or goes already.
   */
  evict(id: string, evicted: Evicted): Promise<boolean> {
    this.#parts.updating.running.callOff(id, 'it is to be evicted');
    return this.#actors.get(id)?.evict(evicted) ?? Promise.resolve(false);
  }

  /**
   * Kills a workload to relieve the host or its tenant; `detail` is one sentence with the figures. The reason is durable
   * before the kill, and the restart policy applies as after any failure. False: nothing of it runs, or it ends already.
   */
  killForPressure(id: string, detail: string): Promise<boolean> {
    const actor = this.#actors.get(id);
    this.#parts.updating.running.callOff(id, 'it is to be killed for pressure');
    return actor === undefined ? Promise.resolve(false) : actor.killFor('pressure', detail);
  }

  /** To be called when memory.events of a workload has changed: a kill that it survives becomes `workload.oom`. */
  memoryEventsChanged(id: string): void {
    this.#actors.get(id)?.memoryEventsChanged();
  }

  /** `turn`: its place in the queue of starts, where it is known already, as for all of a list. */
  view(record: WorkloadRecord, turn = this.#ports.turn(record.id)): WorkloadView {
    const waiting = this.#parts.preempting.waiting(record) ?? turn;
    return this.#ports.view(record, { waiting, ready: this.#parts.health.ready(record) });
  }

  /** Undefined: its spec does not say how to ask. */
  ready(record: WorkloadRecord): boolean | undefined {
    return this.#parts.health.ready(record);
  }

  counts(): Record<WorkloadState, number> {
    const counts = { pending: 0, preparing: 0, starting: 0, running: 0, frozen: 0, stopping: 0, exited: 0, failed: 0 };
    for (const { state } of this.records()) counts[state] += 1;
    return counts;
  }

  /** Calls off every update; resolves when what they changed is put back. */
  endUpdates(): Promise<void> {
    return this.#parts.updating.running.close();
  }

  close(): void {
    this.draining.close();
    this.#parts.reserving.close();
    this.#parts.health.close();
    for (const actor of this.#actors.values()) actor.close();
  }

  async #change(
    actor: Actor,
    wanted: Parameters<Updating['change']>[1],
    options: ChangeOptions,
  ): Promise<WorkloadView & Changed> {
    const changed = await this.#parts.updating.change(actor, wanted, options);
    if (options.dryRun !== true) actor.wake();
    return { ...this.view(actor.record), ...changed };
  }

  #adopt(found: WorkloadRecord): Actor {
    const { claims } = this.#ports;
    const settled = isSettled(found.state);
    const { spec, saved } = found;
    // Those of a clone are its template's, and nobody's on this host.
    const kept = saved?.of === spec.id ? saved : undefined;
    const sandbox = claims.restore(spec, found.sandbox, settled, kept);
    const record = sandbox === found.sandbox ? found : { ...found, sandbox };
    if (!settled) this.#parts.admission.adopt(record);
    return this.#register(record);
  }

  #register(record: WorkloadRecord): Actor {
    const owner = {
      gone: (id: string) => this.#drop(id),
      changed: (changed: WorkloadRecord) => {
        this.#parts.health.changed(changed);
        this.draining.changed();
      },
      serves: (asked: WorkloadRecord) => this.#parts.health.ready(asked) !== false,
      settled: (id: string) => this.#parts.preempting.changed(id),
      roomFor: (waiter: Waiter) => this.#parts.preempting.roomFor(waiter),
    };
    const actor = this.#ports.actor(owner, record);
    this.#actors.set(record.id, actor);
    this.#parts.health.changed(record);
    return actor;
  }

  #drop(id: string): void {
    this.#actors.delete(id);
    this.#parts.health.forget(id);
    this.#parts.admission.release(id);
    this.#ports.claims.forget(id);
    this.#parts.preempting.changed(id);
    this.draining.changed();
  }

  async #same(actor: Actor, spec: WorkloadSpec, { reservation }: Claimant): Promise<WorkloadView> {
    if (actor.record.desired !== 'deleted' && isSameSpec(spec, actor.record.spec)) {
      await actor.lastWrite.durable();
      return this.view(actor.record);
    }
    if (reservation !== undefined)
      throw new BerthError('reservation_committed', `reservation "${reservation}" was committed with another spec`, {
        data: { reservation, id: spec.id },
      });
    const why = actor.record.desired === 'deleted' ? 'and is being deleted' : 'with another spec';
    const fields = fieldChanges(actor.record.spec, carryOver(spec, actor.record.spec)).map(({ field }) => field);
    throw new BerthError('conflict', `workload "${spec.id}" exists ${why}`, { data: { id: spec.id, fields } });
  }
}

/** The same wish again, as a scheduler may say it each minute, is no news. */
function isOtherWish(before: WorkloadRecord, after: WorkloadRecord): boolean {
  return before.desired !== after.desired || before.restartRequested !== after.restartRequested;
}
