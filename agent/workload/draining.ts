// Drains the node, and starts again what the drain has stopped. The order holds over a crash between any two lines:
//
//   1. the node is cordoned, and the order of the drain is durable
//   2. each workload's record says that it must stop for the drain, and what was wanted of it before; that is durable before
//      it is asked, class by class and a bounded number at a time
//   3. the last is gone: that is durable, and told
//   4. lifted: the order says so, durably, and the node is open; each is admitted and started anew, the highest promise first;
//      a record that is started says nothing of the drain any more. With the last of them the order is removed
//
// It is level-triggered: every round looks at all workloads as they are now, so a recovered agent just goes on. What has not
// begun to run after a boot is held back before it starts.
import { pause } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import { deadlineIn } from '../base/clock.js';
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { Serial } from '../base/serial.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import type { DrainOrder, DrainRequest, DrainStep, DrainView } from '../model/drain.js';
import type { EventPort } from '../model/event.js';
import { actorField, type EventActor } from '../model/event.js';
import { isSettled } from '../model/lifecycle.js';
import type { Evicted, WorkloadRecord } from '../model/record.js';
import type { Actor } from './actor.js';
import type { DrainStore } from './drain-file.js';
import { inDrainOrder, inDrainStages } from './drain-order.js';
import { drainSelects, drainTimeLeft, drainView, undrained, wasDrained } from './drain-view.js';
import { Later } from './later.js';
import { graceOf } from './processes.js';

/** How many stop at once: enough for a thousand short ones, few enough for the disk and the network of what they flush. */
const AT_ONCE = 16;
/** How long a start that the node cannot take now is put off. */
const AGAIN_MS = 1000;
/** Between two rounds, at least. */
const BREATH_MS = 20;
/** Of a start: it may work later. */
const PASSING: ReadonlySet<string> = new Set(['start_queue_full', 'cordoned', 'shutting_down']);

export interface DrainPorts {
  readonly bootId: string;
  readonly config: Pick<Config, 'lifecycle'>;
  readonly density: Pick<Density, 'clock'>;
  readonly drains: DrainStore;
  readonly events: EventPort;
  readonly log: Log;
}

/** What a drain asks of others about workloads. */
export interface DrainCommands {
  /** Whether the node takes no workloads. */
  cordoned(): boolean;
  /** See Manager.evict. */
  evict(id: string, evicted: Evicted): Promise<boolean>;
  /** Admits it anew. Throws as a start does. */
  startAgain(actor: Actor, desired: NonNullable<Evicted['resumes']>): Promise<unknown>;
}

type Restored = NonNullable<Evicted['resumes']>;

export class Draining {
  readonly #ports: DrainPorts;
  readonly #actors: ReadonlyMap<string, Actor>;
  readonly #commands: DrainCommands;
  readonly #turns = new Serial();
  readonly #later = new Later(() => this.changed());
  #order: DrainOrder | null = null;
  #isMeant: (record: WorkloadRecord) => boolean = () => false;
  /** Of which the last event told. */
  #stage: string | undefined;
  /** Who has asked, until an event has told it. */
  #by: EventActor | undefined;
  /** The node takes no start before, of performance.now(). */
  #notBefore = 0;
  /** Workloads whose last start failed by the host: others have their turn before. */
  readonly #failed = new Set<string>();
  #dirty = false;
  #looping = false;
  #closed = false;

  constructor(ports: DrainPorts, actors: ReadonlyMap<string, Actor>, commands: DrainCommands) {
    this.#ports = ports;
    this.#actors = actors;
    this.#commands = commands;
  }

  /** Once all workloads have their actors and nothing was done for any of them: what must not start does not. */
  async recover(): Promise<void> {
    this.#take(await this.#ports.drains.load());
    if (this.#order === null || this.#order.lifting) return;
    if (!this.#commands.cordoned()) {
      // An agent that knew of no drain has opened the node.
      this.#ports.log.warn({}, 'the node was opened while a drain stood: the drain is lifted');
      await this.#save({ ...this.#order, lifting: true, opened: true });
      return;
    }
    const { waiting } = undrained(this.#actors.values(), this.#isMeant);
    const pending = waiting.map(({ record }) => record).filter(({ state }) => state === 'pending');
    await this.#ask(pending).catch((err: unknown) => this.#ports.log.error({ err }, 'drain: workload not held back'));
  }

  /** The node was to be opened, and was not. */
  get mustOpen(): boolean {
    return this.#order?.lifting === true && !this.#order.opened;
  }

  view(): DrainView | null {
    if (this.#order === null) return null;
    const { density, bootId } = this.#ports;
    return drainView(this.#order, this.#records(), { clock: density.clock, bootId });
  }

  /** In the order in which they would be asked. Throws `invalid_params`. */
  plan(request: DrainRequest): DrainStep[] {
    const isMeant = drainSelects(request);
    const { waiting } = undrained(this.#actors.values(), isMeant);
    return inDrainOrder(waiting.map(({ record }) => record)).map((record) => {
      const { id, spec, state } = record;
      const graceMs = this.#graceOf(record, request.graceMs, request.deadlineMs ?? Number.POSITIVE_INFINITY);
      return { id, tenant: spec.tenant, class: spec.class, priority: spec.priority, state, graceMs };
    });
  }

  /** The node is cordoned. Durable when it resolves; a drain that stands takes the request over. Throws `invalid_params`. */
  begin({ deadlineMs, ...request }: DrainRequest, by?: EventActor): Promise<void> {
    drainSelects(request);
    return this.#turns.run(async () => {
      const { density, bootId } = this.#ports;
      const stands = this.#order !== null && !this.#order.lifting ? this.#order : null;
      const deadline = deadlineMs === null ? null : deadlineIn(deadlineMs, density.clock, bootId);
      const since = stands?.since ?? Date.now();
      const order: DrainOrder = { ...request, since, deadline, drainedAt: null, lifting: false, opened: false };
      const drainedAt = this.#isOver(order) ? (stands?.drainedAt ?? null) : null;
      await this.#save({ ...order, drainedAt });
      this.#by = by;
      this.changed();
    });
  }

  /** From now on nothing more is stopped; `changed` starts what was. Durable when it resolves, with how many those are. */
  lift(): Promise<number> {
    return this.#turns.run(async () => {
      const count = this.#stopped().length;
      // Without its order, too, if the file was lost.
      if (this.#order === null && count === 0) return 0;
      await this.#save({ ...(this.#order ?? NOTHING), lifting: true, opened: false });
      return count;
    });
  }

  /** The node is open, durably. */
  opened(): Promise<void> {
    return this.#turns.run(async () => {
      if (this.mustOpen && this.#order !== null) await this.#save({ ...this.#order, opened: true });
    });
  }

  /** Something about a workload has changed, or the time has come: looks again. */
  changed(): void {
    if (this.#order === null || this.#closed) return;
    this.#dirty = true;
    if (this.#looping) return;
    this.#looping = true;
    void this.#loop();
  }

  close(): void {
    this.#closed = true;
    this.#later.cancel();
  }

  async #save(order: DrainOrder): Promise<void> {
    await this.#ports.drains.save(order);
    this.#take(order);
  }

  #take(order: DrainOrder | null): void {
    this.#order = order;
    this.#stage = undefined;
    this.#failed.clear();
    this.#isMeant = order === null ? () => false : drainSelects(order);
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      this.#later.cancel();
      try {
        await this.#turns.run(() => this.#round());
        this.#later.worked();
      } catch (error) {
        this.#ports.log.error({ err: error }, 'drain round failed, will retry');
        this.#later.failed();
      }
      // A round looks at all workloads, and each that goes changes several times.
      if (this.#dirty) await pause(Math.max(BREATH_MS, this.#actors.size / 50), { ref: false });
    }
    this.#looping = false;
  }

  async #round(): Promise<void> {
    if (this.#order === null) return;
    await (this.#order.lifting ? this.#startAgain() : this.#stop(this.#order));
  }

  async #stop(order: DrainOrder): Promise<void> {
    const { waiting, stopping } = undrained(this.#actors.values(), this.#isMeant);
    if (waiting.length + stopping.length === 0) return this.#drained(order);
    const leftMs = this.#leftMs(order);
    if (leftMs > 0 && leftMs < Number.POSITIVE_INFINITY) this.#later.in(leftMs);
    if (leftMs <= 0) for (const actor of stopping) actor.wake({ killNow: true });
    const [stage = []] = inDrainStages([...waiting, ...stopping].map(({ record }) => record));
    this.#tell(stage[0]?.spec.class);
    // What does not run yet needs no time to stop, and must not begin.
    const idle = waiting.filter(({ record }) => record.state === 'pending').map(({ record }) => record);
    const next = leftMs <= 0 ? inDrainOrder(waiting.map(({ record }) => record)) : stage;
    const asked = new Set([...idle, ...stopping.map(({ record }) => record)]);
    const turn = next.filter((record) => !asked.has(record)).slice(0, Math.max(0, AT_ONCE - stopping.length));
    await this.#ask([...idle, ...turn]);
  }

  /** One that cannot be asked does not keep the others. Rejects with the first failure. */
  async #ask(records: readonly WorkloadRecord[]): Promise<void> {
    const failures: unknown[] = [];
    for (const { id } of records)
      await this.#askOne(id).catch((error: unknown) => {
        failures.push(error);
      });
    if (failures.length > 0) throw failures[0];
  }

  async #askOne(name: string): Promise<void> {
    const [order, record] = [this.#order, this.#actors.get(name)?.record];
    if (order === null || record === undefined || this.#closed) return;
    const { id, desired, spec } = record;
    if (desired === 'stopped' || desired === 'deleted') return;
    const detail = 'stopped as the node is drained';
    const graceMs = this.#graceOf(record, order.graceMs, this.#leftMs(order));
    const evicted: Evicted = { cause: 'drained', detail, at: Date.now(), graceMs, resumes: desired };
    if (!(await this.#commands.evict(id, evicted))) return;
    const data = { cause: evicted.cause, graceMs };
    this.#ports.events.append({ type: 'workload.evicted', workload: id, tenant: spec.tenant, data });
  }

  async #drained(order: DrainOrder): Promise<void> {
    if (order.drainedAt !== null) return;
    const after = { ...order, drainedAt: Date.now() };
    await this.#ports.drains.save(after);
    this.#order = after;
    const { stopped } = this.view() ?? { stopped: 0 };
    this.#event('node.drained', { stopped, tookMs: after.drainedAt - order.since });
  }

  async #startAgain(): Promise<void> {
    const wait = this.#notBefore - performance.now();
    if (wait > 0) return this.#later.in(wait);
    const failures: unknown[] = [];
    const settled = this.#stopped()
      .filter(([{ record }]) => isSettled(record.state))
      .sort(([a], [b]) => Number(this.#failed.has(a.record.id)) - Number(this.#failed.has(b.record.id)));
    // In pieces, so that whoever drains again does not wait for all of them.
    if (settled.length > AT_ONCE) this.#dirty = true;
    for (const [actor, desired] of settled.slice(0, AT_ONCE)) {
      if (this.#closed) return;
      try {
        await this.#commands.startAgain(actor, desired);
      } catch (error) {
        if (error instanceof BerthError && PASSING.has(error.code)) {
          this.#notBefore = performance.now() + AGAIN_MS;
          return this.#later.in(AGAIN_MS);
        }
        if (error instanceof BerthError) await this.#staysStopped(actor, error);
        else {
          failures.push(error);
          this.#failed.add(actor.record.id);
        }
      }
    }
    if (failures.length > 0) throw failures[0];
    // Of those that have not come to rest yet a change tells.
    if (this.#closed || this.#stopped().length > 0) return;
    await this.#ports.drains.save(null);
    this.#take(null);
    this.#ports.log.info({}, 'the drain is lifted');
  }

  /** Its room, its image or its address is gone meanwhile: whoever owns it must decide, and `show` says why. */
  async #staysStopped(actor: Actor, error: BerthError): Promise<void> {
    const { id, evicted } = actor.record;
    if (!evicted) return;
    const { resumes: _resumes, ...rest } = evicted;
    await actor.patch({ evicted: rest, error: reportOf(error) });
    this.#ports.log.warn({ workload: id, err: error }, 'the drain is lifted and the workload cannot start');
  }

  /** Stopped by the drain and nobody else since, with what was wanted before; the highest promise first. */
  #stopped(): [Actor, Restored][] {
    const records = this.#records().filter((record) => wasDrained(record) && record.desired === 'stopped');
    return inDrainOrder(records)
      .reverse()
      .flatMap(({ id, evicted }): [Actor, Restored][] => {
        const actor = this.#actors.get(id);
        return actor === undefined || evicted?.resumes === undefined ? [] : [[actor, evicted.resumes]];
      });
  }

  /** Once when a drain begins, and when the next class has its turn. Names nobody: every session sees it. */
  #tell(stage: string | undefined): void {
    if (stage === this.#stage) return;
    this.#stage = stage;
    const view = this.view();
    if (view === null) return;
    const { total, stopped, stopping, waiting, deadlineAt } = view;
    this.#event('node.draining', { class: stage, total, stopped, stopping, waiting, deadlineAt });
  }

  #event(type: string, data: Readonly<Record<string, unknown>>): void {
    this.#ports.events.append({ type, data, ...actorField(this.#by) });
    this.#by = undefined;
  }

  #isOver(order: DrainOrder): boolean {
    const { waiting, stopping } = undrained(this.#actors.values(), drainSelects(order));
    return waiting.length + stopping.length === 0;
  }

  #graceOf(record: WorkloadRecord, askedMs: number | null, leftMs: number): number {
    return Math.round(
      Math.max(0, Math.min(askedMs ?? graceOf({ ...record, evicted: null }, this.#ports.config), leftMs)),
    );
  }

  #leftMs(order: DrainOrder): number {
    return drainTimeLeft(order, this.#ports.density.clock, this.#ports.bootId);
  }

  #records(): WorkloadRecord[] {
    return [...this.#actors.values()].map(({ record }) => record);
  }
}

/** Of a drain whose file was lost. */
const NOTHING: Omit<DrainOrder, 'lifting' | 'opened'> = {
  ...{ since: 0, deadline: null, graceMs: null, keepClass: null, tenant: null, selector: null, drainedAt: null },
};
