// One workload, driven level by level: each round compares what is wanted with what is, takes one step of the diagram in
// lifecycle.ts, and looks again. All rounds of one workload are in sequence; those of different workloads are not.

import type { HeldProcess } from '../../systemd/supervisor/protocol.js';
import { reportOf } from '../base/errors.js';
import { Serial } from '../base/serial.js';
import { actorField, type EventActor } from '../model/event.js';
import { actionFor, isLeaving, isSettled, restingState } from '../model/lifecycle.js';
import {
  type EndRecord,
  type Evicted,
  emptied,
  type Killed,
  type WorkloadRecord,
  waitsForRoom,
} from '../model/record.js';
import type { SnapshotView } from '../model/snapshot.js';
import type { ActorPorts } from './actor-ports.js';
import { changed } from './changed.js';
import { endUnstarted } from './end.js';
import { EndNews } from './end-news.js';
import { killDecision, resumeKill } from './kill-decision.js';
import { LastWrite } from './last-write.js';
import { Later } from './later.js';
import type { Owner } from './owner.js';
import { againAfter, type BootClock, pauseLeft, tellAgain } from './restart.js';
import { type SaveOptions, SaveUnderWay } from './saving.js';
import { isHeldUp } from './start.js';
import { StartPermit } from './start-permit.js';
import { Survived } from './survived.js';
import { WantedImage } from './wanted-image.js';

/** How long after its cgroup is empty the supervisor's word about an exit may still be on its way. */
const EXIT_NEWS_MS = 3000;

export class Actor {
  readonly lastWrite = new LastWrite();
  readonly #ports: ActorPorts;
  readonly #owner: Owner;
  readonly #startPermit: StartPermit;
  readonly #survived: Survived;
  readonly #image: WantedImage;
  #record: WorkloadRecord;
  #dirty = false;
  #looping = false;
  readonly #rounds = new Serial();
  readonly #news = new EndNews();
  readonly #save = new SaveUnderWay();
  readonly #later = new Later(() => this.wake());
  /** The last write that failed. */
  #unwritten: unknown;
  /** The record is as it must be, and not on disk. */
  #owed = false;
  #killNow = false;
  #closed = false;

  constructor(ports: ActorPorts, owner: Owner, record: WorkloadRecord) {
    this.#ports = ports;
    this.#owner = owner;
    this.#record = record;
    this.#startPermit = new StartPermit(ports.start.governor, () => this.wake());
    this.#survived = new Survived(ports.witnesses, ports.log, this);
    this.#image = new WantedImage(ports.start.images, () => this.wake());
  }

  get record(): WorkloadRecord {
    return this.#record;
  }

  get #clock(): BootClock {
    return this.#ports.clock;
  }

  /** Then its end takes away what it wrote, and its guest need not go on before. */
  get #isToBeKilled(): boolean {
    if (this.#record.killed !== null) return true;
    return this.#killNow && (isLeaving(this.#record) || this.#record.restartRequested);
  }

  /** The end of what runs is known, and not dealt with yet. */
  get hasEnded(): boolean {
    return this.#news.of(this.#record) !== undefined;
  }

  /** Changes the record; resolves when that is durable, and only then calls `durable` and tells of a new state. */
  async patch(change: Partial<WorkloadRecord>, durable: () => void = () => undefined): Promise<void> {
    const before = this.#record;
    const after = changed(before, change);
    this.#record = after;
    try {
      await this.lastWrite.begun(this.#ports.journal.write(after));
    } catch (error) {
      if (this.#record === after) this.#record = before;
      this.#unwritten = error;
      throw error;
    }
    this.#owed = false;
    durable();
    this.#tell(before, after);
  }

  /** Changes the record to what the next agent comes to by itself: that is told, and written with what follows it. */
  enter(change: Partial<WorkloadRecord>): void {
    const before = this.#record;
    this.#record = changed(before, change);
    this.#tell(before, this.#record);
  }

  /** Writes the record as it was taken over. Where that fails it is tried again before anything is done about it. */
  async writeDown(): Promise<void> {
    try {
      await this.lastWrite.begun(this.#ports.journal.write(this.#record));
      this.#owed = false;
    } catch (err) {
      this.#owed = true;
      this.#ports.log.error({ workload: this.#record.id, err }, 'record not written; will try again');
    }
  }

  #tell(before: WorkloadRecord, { state, error }: WorkloadRecord): void {
    this.#owner.changed(this.#record);
    if (state === before.state) return;
    this.event('workload.state', { from: before.state, to: state, ...(error ? { error } : {}) });
  }

  event(type: string, data: Readonly<Record<string, unknown>>, by?: EventActor): void {
    const { id, spec } = this.#record;
    this.#ports.events.append({ type, workload: id, tenant: spec.tenant, data, ...actorField(by) });
  }

  /** The wish has changed, or something happened: look again. */
  wake(options: { readonly killNow?: boolean; readonly cold?: boolean } = {}): void {
    if (options.cold) this.#startPermit.cold = true;
    if (options.killNow || isLeaving(this.#record)) this.#save.callOff();
    if (options.killNow) {
      this.#killNow = true;
      this.#news.interrupt();
    }
    this.#dirty = true;
    if (this.#looping || this.#closed) return;
    this.#looping = true;
    void this.#loop();
  }

  /** Runs `work` between two rounds. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#rounds.run(work);
  }

  /** See saving.ts. Whoever ends it calls that off. */
  save(options: SaveOptions): Promise<SnapshotView> {
    return this.exclusive(() => this.#save.run((signal) => this.#ports.guest.save(this, options, signal)));
  }

  /** The supervisor says that a process of this id has ended. */
  ended(held: HeldProcess): void {
    this.#news.arrived(held);
    this.wake();
  }

  /** What has failed may work by now. */
  retry(): void {
    if (this.#later.failing) this.wake();
  }

  /** See Manager.evict. */
  async evict(evicted: Evicted): Promise<boolean> {
    if (actionFor('evict', this.#record) === 'keep') return false;
    await this.patch({ desired: 'stopped', restartRequested: false, evicted });
    this.wake();
    return true;
  }

  /** See Manager.killForPressure. False: nothing of it runs, or it ends already. */
  killFor(by: Killed['by'], detail: string): Promise<boolean> {
    this.#save.callOff();
    return this.exclusive(async () => {
      const { state, process, desired } = this.#record;
      const runs = (state === 'running' || state === 'frozen') && process !== null && !this.hasEnded;
      if (!runs || this.#closed || desired === 'stopped' || desired === 'deleted') return false;
      await this.patch({ killed: killDecision(by, detail) });
      await this.#ports.brakes.kill(this.#record.sandbox.cgroup);
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
    this.#startPermit.leave();
    this.#image.leave(this.#record.id);
    this.#later.cancel();
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      this.#later.cancel();
      const begun = performance.now();
      try {
        await this.exclusive(() => this.#round());
        this.#later.worked();
      } catch (error) {
        await this.#trouble(error);
      }
      this.#ports.observer.reconciled((performance.now() - begun) / 1000);
    }
    this.#looping = false;
  }

  async #round(): Promise<void> {
    // What is wanted, and why, is on disk before anything is done about it.
    await this.lastWrite.settled();
    if (this.#owed) await this.patch({});
    const { state, desired, restartRequested } = this.#record;
    // Nothing but a start or a thaw waits for a permit, and one no longer wanted goes to others.
    const starts = desired === 'running' || (desired === 'frozen' && state !== 'frozen');
    if (!starts || state === 'stopping' || isSettled(state)) {
      this.#startPermit.leave();
      this.#image.leave(this.#record.id);
    }
    const alive = state === 'running' || state === 'frozen' || state === 'starting';
    if (alive && this.hasEnded) return this.#handleEnd();
    // Of a save that failed, or that an agent began which died. Whoever ends it waits for no monitor that does not answer.
    if (alive && this.#record.process !== null && this.#record.saved?.phase === 'writing' && !this.#isToBeKilled) {
      const undone = this.#ports.guest.undo(this, this.#record.saved.name);
      if (!isLeaving(this.#record) && !restartRequested) return undone;
      await undone.catch((err: unknown) => this.#ports.log.warn({ workload: this.#record.id, err }, 'save not undone'));
    }
    if (this.#record.killed !== null && (state === 'running' || state === 'frozen')) {
      await resumeKill(this, this.#ports.brakes);
      // Taken back: then there may be a save to undo.
      if (this.#record.killed === null) this.#dirty = true;
      return;
    }
    if (state === 'stopping') return this.#finish();
    if (isSettled(state)) return desired === 'deleted' ? this.#forget() : undefined;
    if (desired === 'stopped' || desired === 'deleted') return alive ? this.#end() : this.#abandon();
    if ((state === 'running' || state === 'frozen') && restartRequested) return this.#end();
    if (waitsForRoom(this.#record)) return this.#awaitRoom();
    const { saved, process } = this.#record;
    if (state === 'running' && saved && process) return this.#ports.guest.comeBack(this, { process });
    if (state === 'pending' || state === 'preparing' || state === 'starting') return this.#start();
    if (state === 'running' && desired === 'frozen') {
      await this.#ports.brakes.freeze(this);
      this.#dirty = true;
    }
    if (state === 'frozen' && desired === 'running') return this.#thaw();
  }

  async #awaitRoom(): Promise<void> {
    const room = await this.#owner.roomFor(this);
    if (room === 'free') this.#dirty = true;
    else if (typeof room === 'number') this.#later.in(room);
    else await this.#failStart(room);
  }

  async #failStart(error: unknown): Promise<void> {
    this.#ports.log.warn({ workload: this.#record.id, err: error }, 'workload could not start');
    const report = reportOf(error);
    const end: EndRecord = { at: Date.now(), code: null, signal: null, cause: 'start', detail: report.message };
    this.#ports.observer.ended(end);
    const spent = await this.#ports.guest.spentAtEnd(this.#record);
    await this.patch({ state: 'stopping', error: report, end, process: null, ...spent });
    this.event('workload.ended', { ...end });
    this.#dirty = true;
  }

  async #start(): Promise<void> {
    const wait = pauseLeft(this.#record, this.#clock);
    if (wait > 0 && this.#record.state === 'pending') return this.#later.in(wait);
    try {
      // Fetched before the permit: a pull is no start, and takes none away from others.
      if (!(await this.#hasImage())) return;
      if (!this.#startPermit.take(this.#record)) return;
      await this.#ports.start.run(this);
      this.#dirty = true;
    } catch (error) {
      if (error === this.#unwritten || isHeldUp(this.#record, error)) throw error;
      await this.#failStart(error);
    } finally {
      const { state, sandbox } = this.#record;
      const serves = (): boolean => this.#owner.serves(this.#record);
      this.#startPermit.over(state === 'running' ? sandbox.cgroup : undefined, serves);
    }
  }

  async #hasImage(): Promise<boolean> {
    const { id, spec } = this.#record;
    if (spec.image === undefined || this.#image.isHere(this.#record)) return true;
    const digest = this.#image.take(this.#record);
    if (digest === undefined) return false;
    await this.patch({ image: { name: spec.image, digest } });
    this.#ports.start.images?.letGo(id);
    return true;
  }

  async #thaw(): Promise<void> {
    if (!this.#startPermit.take(this.#record)) return;
    try {
      await this.#ports.brakes.thaw(this);
    } finally {
      // Far quicker than a start: it must not become what a start usually takes.
      this.#startPermit.over();
    }
    this.#dirty = true;
  }

  async #handleEnd(): Promise<void> {
    this.#startPermit.ended();
    const { desired, restarts, restartRequested } = this.#record;
    const asked = restartRequested || desired === 'stopped' || desired === 'deleted';
    const { end, exit } = await this.#news.explain(this.#ports.witnesses, this.#survived.counted(this.#record), asked);
    const again = againAfter(this.#record, end, exit, this.#clock);
    const spent = await this.#ports.guest.spentAtEnd(this.#record);
    const gone = { end, process: null, killed: null, restartRequested: false, restart: again.restart, ...spent };
    // Known until it is durable: what fails here is done again from the top, with the same end.
    const durable = () => {
      this.#news.forget();
      this.#survived.tell();
    };
    if (again.pauseMs === null) {
      await this.patch({ state: 'stopping', ...gone }, durable);
    } else {
      await this.#ports.end.ofRun(this);
      await this.patch({ state: 'pending', restarts: again.asked ? restarts : restarts + 1, ...gone }, durable);
    }
    tellAgain(again, { record: this.#record, event: (type, data) => this.event(type, data) });
    this.#ports.observer.ended(end);
    this.event('workload.ended', { ...end });
    this.#dirty = true;
  }

  /** Ends what runs: politely, then after the grace period by cgroup.kill. */
  async #end(): Promise<void> {
    const { process } = this.#record;
    const { brakes, end } = this.#ports;
    // One whose guest stands still at its snapshot hears nothing, and loses nothing.
    if (process !== null && !this.#killNow && this.#record.saved?.phase !== 'waiting') {
      await end.ask(process, this.#record);
      await this.#news.within(end.graceMs(this.#record), this.#record);
    }
    await brakes.killProcesses(this.#record);
    if (process !== null) await this.#news.arrival(EXIT_NEWS_MS, this.#record);
    await this.#handleEnd();
  }

  /** Told to go before anything ran. */
  async #abandon(): Promise<void> {
    const spent = await this.#ports.guest.spentAtEnd(this.#record);
    await this.patch({ state: 'stopping', end: endUnstarted(this.#record), ...spent });
    this.#dirty = true;
  }

  /** Takes the sandbox down; what was leased is free only after that. */
  async #finish(): Promise<void> {
    await this.#ports.end.takeDown(this);
    this.#news.forget();
    this.#killNow = false;
    const { id, end, error, sandbox } = this.#record;
    const kept = end?.cause === 'start' ? error : null;
    await this.patch({ state: restingState(end), error: kept, sandbox: emptied(sandbox) }, () =>
      this.#ports.end.giveBack(id),
    );
    this.#owner.settled(id);
    this.#dirty = true;
  }

  async #forget(): Promise<void> {
    const { id, spec } = this.#record;
    await this.#ports.end.forget(this.#record);
    this.close();
    this.#owner.gone(this.#record.id);
    this.#ports.events.append({ type: 'workload.deleted', workload: id, tenant: spec.tenant, data: {} });
  }

  /** Something that must work did not: it is visible in the record, and tried again with a growing pause. */
  async #trouble(error: unknown): Promise<void> {
    this.#ports.log.error({ workload: this.#record.id, state: this.#record.state, err: error }, 'will try again');
    this.#later.failed();
    if (this.#record.error !== null) return;
    const report = reportOf(error);
    if (
      error !== this.#unwritten &&
      (await this.patch({ error: report }).then(
        () => true,
        () => false,
      ))
    )
      return;
    // Shown all the same, and on disk with the next write that works.
    this.#record = { ...this.#record, error: report };
  }
}
