// One workload, driven level by level: each round compares what is wanted with what is, takes one step of the diagram in
// lifecycle.ts, and looks again. All rounds of one workload are in sequence; those of different workloads are not.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldProcess } from '../../systemd/holder/protocol.js';
import { BerthError, reportOf } from '../errors.js';
import { endUnstarted, explainEnd } from './end.js';
import { LastWrite } from './last-write.js';
import { actionFor, isSettled, mayChange, restingState } from './lifecycle.js';
import type { Owner } from './owner.js';
import { networkFor } from './plan.js';
import {
  type EndRecord,
  type Evicted,
  emptied,
  type Killed,
  type ProcessRecord,
  type WorkloadRecord,
  waitsForRoom,
} from './record.js';
import { againAfter, type BootClock, pauseLeft, tellAgain } from './restart.js';
import { contextOf, startWorkload } from './start.js';
import { dismantle, terminate } from './steps.js';
import { Survived } from './survived.js';
import { Turn } from './turn.js';
import { parseDuration } from './units.js';
import { driverOf, type World } from './world.js';

/** How long after its cgroup is empty the holder's word about an exit may still be on its way. */
const EXIT_NEWS_MS = 3000;
/** How long a decision to kill holds across a restart of the agent. */
const KILL_STALE_MS = 60_000;
const RETRY_MS = { first: 500, most: 30_000 };

export class Actor {
  readonly lastWrite = new LastWrite();
  readonly #world: World;
  readonly #owner: Owner;
  readonly #startTurn: Turn;
  readonly #survived: Survived;
  #record: WorkloadRecord;
  #dirty = false;
  #looping = false;
  #turn: Promise<unknown> = Promise.resolve();
  #held: HeldProcess | undefined;
  #onHeld: (() => void) | undefined;
  #killNow = false;
  #retries = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(world: World, owner: Owner, record: WorkloadRecord) {
    this.#world = world;
    this.#owner = owner;
    this.#record = record;
    this.#startTurn = new Turn(world.governor, () => this.wake());
    this.#survived = new Survived(world, this);
  }

  get record(): WorkloadRecord {
    return this.#record;
  }

  get #clock(): BootClock {
    return { clock: this.#world.density.clock, bootId: this.#world.bootId };
  }

  /** The end of what runs is known, and not dealt with yet. */
  get hasEnded(): boolean {
    return this.#endOf(this.#record.process) !== undefined;
  }

  /** Changes the record; resolves when that is durable, and only then calls `durable` and tells of a new state. */
  async patch(change: Partial<WorkloadRecord>, durable: () => void = () => undefined): Promise<void> {
    const before = this.#record;
    const state = change.state ?? before.state;
    if (state !== before.state && !mayChange(before.state, state))
      throw new BerthError('internal', `workload ${before.id} cannot go from ${before.state} to ${state}`);
    const after: WorkloadRecord = { ...before, ...change, since: state === before.state ? before.since : Date.now() };
    this.#record = after;
    try {
      await this.lastWrite.begun(this.#world.journal.write(after));
    } catch (error) {
      if (this.#record === after) this.#record = before;
      throw error;
    }
    durable();
    if (state === before.state) return;
    this.event('workload.state', { from: before.state, to: state, ...(after.error ? { error: after.error } : {}) });
  }

  event(type: string, data: Readonly<Record<string, unknown>>): void {
    this.#world.events.append({ type, workload: this.#record.id, tenant: this.#record.spec.tenant, data });
  }

  /** The wish has changed, or something happened: look again. */
  wake(options: { readonly killNow?: boolean; readonly cold?: boolean } = {}): void {
    if (options.cold) this.#startTurn.cold = true;
    if (options.killNow) {
      this.#killNow = true;
      this.#onHeld?.();
    }
    this.#dirty = true;
    if (this.#looping || this.#closed) return;
    this.#looping = true;
    void this.#loop();
  }

  /** Runs `work` between two rounds. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** The holder says that a process of this id has ended. */
  ended(held: HeldProcess): void {
    this.#held = held;
    this.#onHeld?.();
    this.wake();
  }

  /** See Manager.evict. */
  async evict(evicted: Evicted): Promise<boolean> {
    if (actionFor('evict', this.#record) === 'keep') return false;
    await this.patch({ desired: 'stopped', restartRequested: false, evicted });
    this.#world.log.warn({ workload: this.#record.id, cause: evicted.cause, by: evicted.by }, evicted.detail);
    this.wake();
    return true;
  }

  /** See Manager.killForPressure. */
  killForPressure(detail: string): Promise<boolean> {
    return this.exclusive(async () => {
      const { state, process, desired } = this.#record;
      const runs = (state === 'running' || state === 'frozen') && process !== null && !this.#endOf(process);
      if (!runs || this.#closed || desired === 'stopped' || desired === 'deleted') return false;
      const killed: Killed = { by: 'pressure', detail, at: Date.now() };
      await this.patch({ killed });
      await this.#world.cgroups.kill(this.#record.sandbox.cgroup);
      return true;
    });
  }

  /** See Manager.memoryEventsChanged. */
  memoryEventsChanged(): void {
    if (!this.#closed) this.#survived.changed();
  }

  /** No further round begins. */
  close(): void {
    this.#closed = true;
    this.#survived.close();
    this.#startTurn.leave();
    clearTimeout(this.#timer);
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      clearTimeout(this.#timer);
      const begun = performance.now();
      try {
        await this.exclusive(() => this.#round());
        this.#retries = 0;
      } catch (error) {
        await this.#trouble(error);
      }
      this.#world.observer.reconciled((performance.now() - begun) / 1000);
    }
    this.#looping = false;
  }

  async #round(): Promise<void> {
    // What is wanted, and why, is on disk before anything is done about it.
    await this.lastWrite.settled();
    const { state, desired, process, restartRequested } = this.#record;
    // Nothing but a start or a thaw waits for a turn, and a turn no longer wanted goes to others.
    const starts = desired === 'running' || (desired === 'frozen' && state !== 'frozen');
    if (!starts || state === 'stopping' || isSettled(state)) this.#startTurn.leave();
    const alive = state === 'running' || state === 'frozen' || state === 'starting';
    if (alive && this.#endOf(process)) return this.#handleEnd();
    if (this.#record.killed !== null && (state === 'running' || state === 'frozen')) return this.#resumeKill();
    if (state === 'stopping') return this.#finish();
    if (isSettled(state)) return desired === 'deleted' ? this.#forget() : undefined;
    if (desired === 'stopped' || desired === 'deleted') return alive ? this.#end() : this.#abandon();
    if ((state === 'running' || state === 'frozen') && restartRequested) return this.#end();
    if (waitsForRoom(this.#record)) return this.#awaitRoom();
    if (state === 'pending' || state === 'preparing' || state === 'starting') return this.#start();
    if (state === 'running' && desired === 'frozen') return this.#freeze();
    if (state === 'frozen' && desired === 'running') return this.#thaw();
  }

  async #awaitRoom(): Promise<void> {
    const room = await this.#owner.roomFor(this);
    if (room === 'free') this.#dirty = true;
    else if (typeof room === 'number') this.#wakeIn(room);
    else await this.#failStart(room);
  }

  async #failStart(error: unknown): Promise<void> {
    this.#world.log.warn({ workload: this.#record.id, err: error }, 'workload could not start');
    const report = reportOf(error);
    const end: EndRecord = { at: Date.now(), code: null, signal: null, cause: 'start', detail: report.message };
    this.#world.observer.ended(end);
    await this.patch({ state: 'stopping', error: report, end, process: null });
    this.event('workload.ended', { ...end });
    this.#dirty = true;
  }

  async #start(): Promise<void> {
    const wait = pauseLeft(this.#record, this.#clock);
    if (wait > 0 && this.#record.state === 'pending') return this.#wakeIn(wait);
    let started = false;
    try {
      if (!this.#startTurn.take(this.#record)) return;
      await startWorkload(this, this.#world);
      started = this.#record.state === 'running';
      this.#dirty = true;
    } catch (error) {
      await this.#failStart(error);
    } finally {
      this.#startTurn.over(started);
    }
  }

  async #freeze(): Promise<void> {
    const { id, sandbox } = this.#record;
    const { cgroups, layers } = this.#world;
    // Until the record says so, the audit of limits would take it for somebody else's doing.
    await layers.exclusive(id, async () => {
      await cgroups.freeze(sandbox.cgroup, { timeoutMs: 30_000 });
      await this.patch({ state: 'frozen' });
    });
    this.#dirty = true;
  }

  async #thaw(): Promise<void> {
    if (!this.#startTurn.take(this.#record)) return;
    const { id, sandbox } = this.#record;
    const { cgroups, layers } = this.#world;
    try {
      await layers.exclusive(id, async () => {
        await cgroups.thaw(sandbox.cgroup, { timeoutMs: 30_000 });
        await this.patch({ state: 'running' });
      });
    } finally {
      // Far quicker than a start: it must not become what a start usually takes.
      this.#startTurn.over(false);
    }
    this.#dirty = true;
  }

  /** The end we know of, if it is that of `process` (or of a start whose answer a crash has swallowed). */
  #endOf(process: ProcessRecord | null): HeldProcess | undefined {
    const held = this.#held;
    if (!held?.exit) return undefined;
    if (process === null) return this.#record.state === 'starting' ? held : undefined;
    return held.pid === process.pid && held.startTime === process.startTime ? held : undefined;
  }

  async #handleEnd(): Promise<void> {
    const { id, process, desired, restarts, restartRequested, sandbox } = this.#record;
    const held = this.#endOf(process);
    this.#held = undefined;
    const exit = held?.exit ?? { code: null, signal: null, at: Date.now() };
    const asked = restartRequested || desired === 'stopped' || desired === 'deleted';
    const end = await explainEnd(this.#world, this.#record, exit, asked);
    const again = againAfter(this.#record, end, exit, this.#clock);
    this.#world.observer.ended(end);
    const { cause, actor, victim } = end;
    const gone = { end, process: null, killed: null, restartRequested: false, restart: again.restart };
    if (actor === undefined) this.#world.log.info({ workload: id, cause }, end.detail);
    else this.#world.log.warn({ workload: id, cause, actor, victim }, end.detail);
    if (again.pauseMs === null) {
      await this.patch({ state: 'stopping', ...gone });
    } else {
      await this.#world.cgroups.kill(sandbox.cgroup);
      await this.#world.cgroups.waitEmpty(sandbox.cgroup, { timeoutMs: 30_000 });
      await this.#cleanup();
      await this.patch({ state: 'pending', restarts: again.asked ? restarts : restarts + 1, ...gone });
    }
    tellAgain(again, { record: this.#record, event: (type, data) => this.event(type, data) });
    this.event('workload.ended', { ...end });
    this.#dirty = true;
  }

  /** A kill that was decided before the agent died. What was to be relieved may be long over: then it is taken back. */
  async #resumeKill(): Promise<void> {
    const { killed, sandbox } = this.#record;
    if (killed === null) return;
    if (Date.now() - killed.at > KILL_STALE_MS) return this.patch({ killed: null });
    await this.#world.cgroups.kill(sandbox.cgroup);
  }

  /** Ends what runs: politely, then after the grace period by cgroup.kill. */
  async #end(): Promise<void> {
    const { id, sandbox, process, spec, state } = this.#record;
    const { cgroups, config, layers } = this.#world;
    const grace = parseDuration(config.lifecycle.stop_grace) ?? 10_000;
    if (process !== null && !this.#killNow) {
      // The pressure ladder may have frozen it, too.
      const held = layers.of(id, 'freeze').length > 0;
      if (held) await layers.set(id, 'freeze', []);
      if (held || state === 'frozen') await cgroups.thaw(sandbox.cgroup, { timeoutMs: 30_000 });
      const driver = driverOf(this.#world, spec.driver);
      const polite = driver.stop ? await driver.stop(spec, contextOf(this.#record, this.#world)) : false;
      if (!polite) terminate(process);
      await this.#untilEnded(grace);
    }
    await cgroups.kill(sandbox.cgroup);
    await cgroups.waitEmpty(sandbox.cgroup, { timeoutMs: 30_000 });
    if (process !== null && !this.#endOf(process)) await this.#untilEnded(EXIT_NEWS_MS);
    await this.#handleEnd();
  }

  async #untilEnded(ms: number): Promise<void> {
    if (this.#endOf(this.#record.process)) return;
    const timer = new AbortController();
    const news = new Promise<void>((resolve) => {
      this.#onHeld = resolve;
    });
    await Promise.race([news, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    this.#onHeld = undefined;
  }

  /** Told to go before anything ran. */
  async #abandon(): Promise<void> {
    await this.patch({ state: 'stopping', end: endUnstarted(this.#record) });
    this.#dirty = true;
  }

  /** Takes the sandbox down; what was leased is free only after that. */
  async #finish(): Promise<void> {
    await this.#dismantle();
    this.#held = undefined;
    this.#killNow = false;
    const { end, error, sandbox } = this.#record;
    const kept = end?.cause === 'start' ? error : null;
    await this.patch({ state: restingState(end), error: kept, sandbox: emptied(sandbox) }, () => this.#giveBack());
    this.#owner.settled(this.#record.id);
    this.#dirty = true;
  }

  async #forget(): Promise<void> {
    const { id, spec } = this.#record;
    await this.#world.output.remove(id);
    await this.#world.journal.remove(id);
    this.close();
    this.#owner.gone(this);
    this.#world.events.append({ type: 'workload.deleted', workload: id, tenant: spec.tenant, data: {} });
  }

  async #dismantle(): Promise<void> {
    const { id, spec, sandbox } = this.#record;
    const { cgroups, config, holder, network } = this.#world;
    const driver = driverOf(this.#world, spec.driver);
    await dismantle(this.#record, {
      ...{ cgroups, network, holder },
      cleanup: () => this.#cleanup(),
      directory: contextOf(this.#record, this.#world).directory,
      made: networkFor(spec, sandbox, driver, config.network),
      recycle: sandbox.baseline !== null && driver.confined(spec),
    });
    this.#world.layers.forget(id);
    this.#world.tenants.promise(id, spec.tenant, null);
    // Its tenant is promised less now. The audit sees to it where this fails: what is gone must not wait for it.
    await this.#world.tenants
      .apply(spec.tenant)
      .catch((err: unknown) => this.#world.log.warn({ tenant: spec.tenant, err }, 'limits of a tenant not written'));
  }

  /** Not before: the next agent would take down once more what the record names, and it may be another's by then. */
  #giveBack(): void {
    const { id } = this.#record;
    this.#world.claims.release(id);
    this.#world.density.release(id);
    this.#world.placement.remove(id);
  }

  #cleanup(): Promise<void> {
    const { spec } = this.#record;
    return driverOf(this.#world, spec.driver).cleanup(spec, contextOf(this.#record, this.#world));
  }

  /** Something that must work did not: it is visible in the record, and tried again with a growing pause. */
  async #trouble(error: unknown): Promise<void> {
    this.#world.log.error({ workload: this.#record.id, state: this.#record.state, err: error }, 'will try again');
    const pause = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(this.#retries, 10));
    this.#retries += 1;
    this.#wakeIn(pause);
    if (this.#record.error === null) await this.patch({ error: reportOf(error) }).catch(() => undefined);
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), ms);
  }
}
