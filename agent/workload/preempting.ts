// Carries a preemption out. The order holds over a crash between any two lines:
//
//   1. the record of the one that comes is durable: its room is set aside in the ledger, over what the victims still have,
//      so that nobody else gets it, and `preemption.waitingFor` names them
//   2. each victim's record says that it must stop, for whom and why, and is durable; only then it is asked
//   3. a victim that is gone leaves waitingFor; with the last one the room is committed, and the start asks for its permit
//
// It is level-triggered: every round of the one that waits looks at its victims as they are now. So a recovered agent just
// goes on, and one that is deleted meanwhile leaves those alone that were not asked yet.
import { BerthError } from '../../protocol/errors.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import { isLeaving, isSettled } from '../model/lifecycle.js';
import { type Evicted, type RoomWait, type WorkloadRecord, waitsForRoom } from '../model/record.js';
import type { Actor } from './actor.js';
import type { Waiter } from './owner.js';
import type { Observer } from './ports.js';

export interface PreemptPorts {
  readonly config: Pick<Config, 'lifecycle'>;
  readonly density: Pick<Density, 'commit' | 'ledger'>;
  readonly observer: Pick<Observer, 'preempted'>;
}

export class Preempting {
  readonly #ports: PreemptPorts;
  readonly #actors: ReadonlyMap<string, Actor>;
  /** Who waits, and since when in this life of the agent: the time it was away is nobody's delay. */
  readonly #since = new Map<Waiter, number>();

  constructor(ports: PreemptPorts, actors: ReadonlyMap<string, Actor>) {
    this.#ports = ports;
    this.#actors = actors;
  }

  get #density(): PreemptPorts['density'] {
    return this.#ports.density;
  }

  /** See Owner.roomFor. */
  async roomFor(waiter: Waiter): Promise<'free' | number | BerthError> {
    const { id, preemption } = waiter.record;
    if (!preemption) return 'free';
    // Before anybody is looked at: a victim that goes meanwhile must find who waits for it.
    const since = this.#since.get(waiter) ?? performance.now();
    this.#since.set(waiter, since);
    const left: string[] = [];
    for (const name of preemption.waitingFor) if (await this.#mustWaitFor(waiter, name, left)) left.push(name);
    if (left.length < preemption.waitingFor.length)
      await waiter.patch({ preemption: { ...preemption, waitingFor: left } });
    const hold = this.#density.ledger.hold(id);
    if (left.length === 0 && hold !== undefined) this.#density.commit(id, hold.demand);
    if (left.length === 0) {
      this.#since.delete(waiter);
      return 'free';
    }
    const ms = this.#deadlineMs();
    const wait = since + ms - performance.now();
    return wait > 0 ? wait : this.#late(left, ms);
  }

  /** Something about this workload has changed: whoever waits for its room looks again. */
  changed(id: string): void {
    for (const waiter of this.#since.keys())
      if (!waitsForRoom(waiter.record)) this.#since.delete(waiter);
      else if (waiter.record.preemption?.waitingFor.includes(id)) waiter.wake();
  }

  waiting(record: WorkloadRecord): RoomWait | undefined {
    const { preemption } = record;
    if (!waitsForRoom(record) || !preemption) return undefined;
    const left = preemption.waitingFor.flatMap((id) => this.#actors.get(id)?.record ?? []);
    return {
      reason: 'preemption',
      waitedMs: this.#waited(record),
      for: left.map(({ id, spec, state, error }) => ({
        id,
        tenant: spec.tenant,
        state,
        problem: error?.message ?? null,
      })),
    };
  }

  /** In this life of the agent, whatever the clock on the wall is set to meanwhile. */
  #waited({ id }: WorkloadRecord): number {
    const actor = this.#actors.get(id);
    const since = actor === undefined ? undefined : this.#since.get(actor);
    return since === undefined ? 0 : Math.round(performance.now() - since);
  }

  /** Asks it to go where that was not done. False: it is gone, or there is room without its going. */
  async #mustWaitFor(waiter: Waiter, name: string, leaving: readonly string[]): Promise<boolean> {
    const victim = this.#actors.get(name);
    if (victim === undefined || this.#isGone(victim)) return false;
    if (isSettled(victim.record.state) || isLeaving(victim.record)) return true;
    // Not asked yet, or it was started anew, which admission allows only with room of its own.
    if (!this.#isShort(waiter.record.id, leaving)) return false;
    const { id, spec, preemption } = waiter.record;
    const evicted: Evicted = {
      cause: 'preempted',
      by: { workload: id, tenant: spec.tenant },
      detail: `stopped for a ${spec.class} workload of priority ${spec.priority}: ${preemption?.why}`,
      at: Date.now(),
    };
    if (!(await victim.evict(evicted))) return !this.#isGone(victim);
    const { class: of, priority } = victim.record.spec;
    this.#ports.observer.preempted(of);
    victim.event('workload.preempted', { by: evicted.by, detail: evicted.detail, class: of, priority });
    return true;
  }

  /** At rest, and its share is free: that comes with the durable record, and before that both would count. */
  #isGone({ record: { id, state } }: Actor): boolean {
    return isSettled(state) && this.#density.ledger.hold(id)?.phase !== 'committed';
  }

  /** Whether it lacks anything once those are gone that are on their way. */
  #isShort(id: string, leaving: readonly string[]): boolean {
    const { ledger } = this.#density;
    const own = ledger.hold(id);
    if (own === undefined) return false;
    return ledger.rehearse(({ out }) => {
      for (const name of [id, ...leaving]) {
        const hold = ledger.hold(name);
        if (hold !== undefined) out(hold);
      }
      // Asked as a newcomer, who has nothing yet.
      return ledger.shortages('', own.demand).length > 0;
    });
  }

  /** As long as one may take to stop, and another to start. */
  #deadlineMs(): number {
    const { stop_grace, start_deadline } = this.#ports.config.lifecycle;
    return (parseDuration(stop_grace) ?? 10_000) + (parseDuration(start_deadline) ?? 120_000);
  }

  #late(left: readonly string[], ms: number): BerthError {
    return new BerthError('deadline_exceeded', `no room after ${ms} ms: ${left.join(', ')} did not go`, {
      hint: 'Those go on stopping; `berth workload show` says what keeps them. See lifecycle.stop_grace and start_deadline.',
      data: { waitingFor: left, ms },
    });
  }
}
