// All workloads of the host: what may be asked of them, checked and made durable here, done by their actors.
import { sliced } from '../../linux/sliced.js';
import type { SandboxNetwork } from '../../netns/types.js';
import { BerthError, noWorkload } from '../base/errors.js';
import type { ReservationView } from '../density/reservations.js';
import type { CapacityRow } from '../model/capacity.js';
import { type Claimant, NOBODY, type Reach } from '../model/claimant.js';
import type { EventActor } from '../model/event.js';
import { isSettled } from '../model/lifecycle.js';
import type { FitsAnswer } from '../model/preemption.js';
import type { Desired, Evicted, Sandbox, WorkloadRecord, WorkloadState, WorkloadView } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import { fieldChanges, type MergePatch } from '../model/spec-change.js';
import { carryOver, isSameSpec } from '../model/stored-spec.js';
import type { Target } from '../network/drift.js';
import { Actor } from './actor.js';
import { Admission } from './admission.js';
import { Draining } from './draining.js';
import { Health } from './health/health.js';
import { InKernel, type Known } from './in-kernel.js';
import type { Waiter } from './owner.js';
import { Preempting } from './preempting.js';
import { type Recovery, recover } from './recover.js';
import { Reserving } from './reserving.js';
import { requireFit } from './saving.js';
import { Snapshotting } from './snapshotting.js';
import { type Changed, type ChangeOptions, patched, Updating } from './updating.js';
import { viewOf } from './view.js';
import { type LifeWish, Wishes } from './wishes.js';
import type { World } from './world.js';

export class Manager {
  readonly draining: Draining;
  readonly snapshots: Snapshotting;
  readonly #world: World;
  readonly #actors = new Map<string, Actor>();
  readonly #admission: Admission;
  readonly #reserving: Reserving;
  readonly #preempting: Preempting;
  readonly #wishes: Wishes;
  readonly #updating: Updating;
  readonly #inKernel: InKernel;
  readonly #health: Health;

  constructor(world: World) {
    this.#world = world;
    this.#inKernel = new InKernel(world, () => this.records());
    this.#health = new Health({
      event: (id, type, data) => this.#actors.get(id)?.event(type, data),
      inside: world.probeInside ?? (() => Promise.resolve(null)),
      paused: (id) => world.layers.of(id, 'freeze').length > 0 || Boolean(this.#actors.get(id)?.record.saved),
      unhealthy: (id, detail) => void this.#unhealthy(id, detail),
    });
    this.#admission = new Admission(world, (id) => this.#actors.get(id)?.record);
    this.#updating = new Updating(world, this.#admission);
    this.#preempting = new Preempting(world, this.#actors);
    this.#reserving = new Reserving(world, this.#admission, (id) => this.#actors.has(id));
    this.#wishes = new Wishes({
      admission: this.#admission,
      expire: () => this.#reserving.expire(),
      fits: (record, saved) => requireFit(record, saved, world),
      giveBack: (sandbox) => this.#giveBack(sandbox),
    });
    this.snapshots = new Snapshotting(world.snapshots, this.#actors);
    this.draining = new Draining(world, this.#actors, {
      cordoned: () => this.cordoned,
      evict: (id, evicted) => this.evict(id, evicted),
      startAgain: (actor, desired) => this.#wishes.carryOut(actor, 'start', { desired }),
    });
  }

  /**
   * Takes over what the journal and the supervisor know. Resolves when every workload has its actor, running ones adopted.
   * `keepOut` is called when all of them are known, and before anything is given out that they do not have.
   */
  async recover(keepOut: () => Promise<void> = async () => undefined): Promise<Recovery> {
    await this.#world.density.load();
    const recovery = await recover(
      this.#world,
      (record) => this.#adopt(record),
      async () => {
        await this.#seatAll();
        await this.draining.recover();
      },
    );
    // What the kernel counts is theirs, and not of others, from now on.
    this.#world.density.look();
    await keepOut();
    await this.#reserving.restore();
    await this.#world.density.reconcileAudit();
    this.draining.changed();
    return recovery;
  }

  get cordoned(): boolean {
    return this.#admission.cordoned;
  }

  setCordoned(cordoned: boolean): void {
    this.#admission.cordoned = cordoned;
  }

  capacity(): CapacityRow[] {
    return this.#world.density.rows();
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
    return this.#inKernel.known();
  }

  holdsNetns(name: string): boolean {
    return this.#inKernel.holdsNetns(name);
  }

  networks(): Promise<SandboxNetwork[]> {
    return this.#inKernel.networks();
  }

  targets(): Promise<Target[]> {
    return this.#inKernel.targets();
  }

  /** Makes the network of a workload again, unless it is another one by now. */
  repairNetwork({ id, version, network, process }: Target): Promise<boolean> {
    const actor = this.#actors.get(id);
    if (actor === undefined) return Promise.resolve(false);
    return actor.exclusive(async () => {
      if (actor.record !== version) return false;
      await this.#world.network.create(network, { process });
      return true;
    });
  }

  /** The dry run of `create`, on the same code path. Throws what is not a question of room. */
  fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer> {
    this.#reserving.expire();
    return this.#admission.fits(spec, reach);
  }

  reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number, by?: EventActor): Promise<ReservationView> {
    return this.#reserving.reserve(spec, scheduler, ttl, by);
  }

  releaseReservation(name: string, scheduler: string | null, by?: EventActor): Promise<ReservationView> {
    return this.#reserving.release(name, scheduler, by);
  }

  async create(spec: WorkloadSpec, claimant: Claimant = NOBODY): Promise<WorkloadView> {
    const known = this.#actors.get(spec.id);
    if (known) return this.#same(known, spec, claimant);
    await this.#admission.check(spec);
    const occupied = this.#admission.occupiedPorts(spec);
    // From here to the registration nothing is awaited: two creates of one id cannot pass each other.
    const raced = this.#actors.get(spec.id);
    if (raced) return this.#same(raced, spec, claimant);
    this.#reserving.require(spec, claimant);
    const begun = { createdAt: Date.now(), generation: 1, restarts: 0 };
    const record = this.#admission.admit(spec, occupied, begun, claimant);
    const reservation = this.#world.density.reservations.take(spec.id);
    const actor = this.#register(record);
    try {
      await actor.lastWrite.begun(this.#world.journal.write(record));
    } catch (error) {
      actor.close();
      this.#giveBack(record.sandbox);
      this.#drop(actor.record.id);
      if (reservation !== undefined) this.#reserving.takeBack(reservation);
      throw error;
    }
    if (reservation !== undefined) this.#reserving.committed(reservation);
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
    const record = await this.#wishes.carryOut(actor, wish, options);
    if (by !== undefined && isOtherWish(before, record)) actor.event('workload.requested', { wish, ...options }, by);
    this.#updating.running.wished(record);
    // It may go now, or not any more.
    this.#preempting.changed(id);
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
    this.#updating.running.callOff(id, 'it is to be evicted');
    return this.#actors.get(id)?.evict(evicted) ?? Promise.resolve(false);
  }

  /**
   * Kills a workload to relieve the host or its tenant; `detail` is one sentence with the figures. The reason is durable
   * before the kill, and the restart policy applies as after any failure. False: nothing of it runs, or it ends already.
   */
  killForPressure(id: string, detail: string): Promise<boolean> {
    const actor = this.#actors.get(id);
    this.#updating.running.callOff(id, 'it is to be killed for pressure');
    return actor === undefined ? Promise.resolve(false) : actor.killFor('pressure', detail);
  }

  /** To be called when memory.events of a workload has changed: a kill that it survives becomes `workload.oom`. */
  memoryEventsChanged(id: string): void {
    this.#actors.get(id)?.memoryEventsChanged();
  }

  /** `turn`: its place in the queue of starts, where it is known already, as for all of a list. */
  view(record: WorkloadRecord, turn = this.#world.governor?.waiting(record.id)): WorkloadView {
    const waiting = this.#preempting.waiting(record) ?? turn;
    return viewOf(record, this.#world, { waiting, ready: this.#health.ready(record) });
  }

  /** Undefined: its spec does not say how to ask. */
  ready(record: WorkloadRecord): boolean | undefined {
    return this.#health.ready(record);
  }

  counts(): Record<WorkloadState, number> {
    const counts = { pending: 0, preparing: 0, starting: 0, running: 0, frozen: 0, stopping: 0, exited: 0, failed: 0 };
    for (const { state } of this.records()) counts[state] += 1;
    return counts;
  }

  /** Calls off every update; resolves when what they changed is put back. */
  endUpdates(): Promise<void> {
    return this.#updating.running.close();
  }

  close(): void {
    this.draining.close();
    this.#reserving.close();
    this.#health.close();
    for (const actor of this.#actors.values()) actor.close();
  }

  async #change(
    actor: Actor,
    wanted: Parameters<Updating['change']>[1],
    options: ChangeOptions,
  ): Promise<WorkloadView & Changed> {
    const changed = await this.#updating.change(actor, wanted, options);
    if (options.dryRun !== true) actor.wake();
    return { ...this.view(actor.record), ...changed };
  }

  #adopt(found: WorkloadRecord): Actor {
    const { claims } = this.#world;
    const settled = isSettled(found.state);
    const sandbox = claims.restore(found.spec, found.sandbox, settled);
    const record = sandbox === found.sandbox ? found : { ...found, sandbox };
    if (!settled) this.#admission.adopt(record);
    return this.#register(record);
  }

  #register(record: WorkloadRecord): Actor {
    const owner = {
      gone: (id: string) => this.#drop(id),
      changed: (changed: WorkloadRecord) => {
        this.#health.changed(changed);
        this.draining.changed();
      },
      serves: (asked: WorkloadRecord) => this.#health.ready(asked) !== false,
      settled: (id: string) => this.#preempting.changed(id),
      roomFor: (waiter: Waiter) => this.#preempting.roomFor(waiter),
    };
    const actor = new Actor(this.#world, owner, record);
    this.#actors.set(record.id, actor);
    this.#health.changed(record);
    return actor;
  }

  #drop(id: string): void {
    this.#actors.delete(id);
    this.#health.forget(id);
    this.#admission.release(id);
    this.#world.claims.forget(id);
    this.#preempting.changed(id);
    this.draining.changed();
  }

  /** Where its policy would start it again. */
  async #unhealthy(id: string, detail: string): Promise<void> {
    const actor = this.#actors.get(id);
    if (actor === undefined || actor.record.spec.restart.policy === 'never') return;
    this.#world.log.warn({ workload: id }, detail);
    await actor.killFor('health', detail).catch((err: unknown) => {
      this.#world.log.error(
        { workload: id, err },
        'could not be killed; the next try comes after health.retries more failed probes',
      );
    });
  }

  /** A slot of an admission that did not become durable: nothing was made of it. */
  #giveBack({ netns, hostLink, mac, baseline }: Sandbox): void {
    if (netns !== null && hostLink !== null && mac !== null && baseline !== null)
      this.#world.network.giveBack({ netns, hostLink, mac, baseline });
  }

  /** What runs keeps its cpus; what has nothing in the kernel yet gets its own at the start. */
  #seatAll(): Promise<void> {
    const { layers, placement } = this.#world;
    layers.retain(new Set(this.#actors.keys()));
    const held = this.records().filter(({ state }) => !isSettled(state));
    const values = ({ id, state }: WorkloadRecord) =>
      state === 'running' || state === 'frozen' ? layers.of(id, 'placement') : undefined;
    return placement.restore(
      held.map((record) => ({ request: this.#admission.seat(record.spec), values: values(record) })),
    );
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
