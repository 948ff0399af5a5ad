// Carries out what the table of lifecycle.ts says to a wish. What it resolves with is the record that is durable: whatever
// becomes of the workload meanwhile is no part of the answer, so that the same wish is answered the same way each time.
import { isDeepStrictEqual } from 'node:util';
import { NOBODY } from '../model/claimant.js';
import { type Action, actionFor, type Wish } from '../model/lifecycle.js';
import type { Desired, Evicted, WorkloadRecord } from '../model/record.js';
import type { Actor } from './actor.js';
import type { Admitted, Candidate } from './admitting.js';
import { NOT_TRIED } from './restart.js';

export interface WishPorts {
  /** See admitting.ts. */
  readonly admit: (candidate: Candidate) => Promise<Admitted | undefined>;
  /** Gives its room back. */
  readonly release: (id: string) => void;
}

/** What changes in the record; `admit` needs more than the record. */
const CHANGES: Readonly<Partial<Record<Action, Partial<WorkloadRecord>>>> = {
  run: { desired: 'running' },
  retry: { desired: 'running', restart: NOT_TRIED },
  stop: { desired: 'stopped', restartRequested: false },
  restart: { desired: 'running', restartRequested: true },
  freeze: { desired: 'frozen' },
  delete: { desired: 'deleted', restartRequested: false },
};

export type LifeWish = Exclude<Wish, 'update' | 'evict'>;

export class Wishes {
  readonly #ports: WishPorts;

  constructor(ports: WishPorts) {
    this.#ports = ports;
  }

  /**
   * Throws `invalid_state`, what admission throws, and what the disk does; then nothing has changed. `now`: without a grace
   * period. `desired`: what is wanted of one that is admitted anew; default: that it runs.
   */
  async carryOut(
    actor: Actor,
    wish: LifeWish,
    { now = false, ...options }: { readonly now?: boolean; readonly desired?: 'running' | 'frozen' } = {},
  ): Promise<WorkloadRecord> {
    const admits = actionFor(wish, actor.record) === 'admit';
    const record = admits
      ? await actor.exclusive(() => this.#again(actor, wish, options.desired))
      : await change(actor, wish);
    actor.wake({ killNow: now, cold: admits });
    return record;
  }

  /** In the turn of its rounds and updates. Another start may have been there first, and a stop or delete waits for nobody. */
  async #again(actor: Actor, wish: LifeWish, desired: Desired = 'running'): Promise<WorkloadRecord> {
    if (actionFor(wish, actor.record) !== 'admit') return change(actor, wish);
    const { id, spec, createdAt, generation, restarts, saved } = actor.record;
    const admitted = await this.#ports.admit({
      ...{ spec, claimant: NOBODY, kept: { createdAt, generation, restarts, desired } },
      // Of a save that an end has cut short nothing is left to begin with.
      begins: saved?.phase === 'waiting' ? saved : undefined,
      wanted: () => actionFor(wish, actor.record) === 'admit',
      place: (record) => ({ actor, written: actor.patch(record) }),
      drop: () => this.#ports.release(id),
    });
    return admitted?.record ?? change(actor, wish);
  }
}

/** Decided and in memory without a pause between, so that no other wish comes in between. */
async function change(actor: Actor, wish: LifeWish): Promise<WorkloadRecord> {
  const wanted = CHANGES[actionFor(wish, actor.record)] ?? {};
  const changes = Object.entries(wish === 'stop' ? { ...wanted, ...staysStopped(actor.record) } : wanted);
  const before: Readonly<Record<string, unknown>> = { ...actor.record };
  const differing = changes.filter(([field, value]) => !isDeepStrictEqual(before[field] ?? NOT_SAID[field], value));
  const written = differing.length === 0 ? actor.lastWrite.durable() : actor.patch(Object.fromEntries(differing));
  const { record } = actor;
  await written;
  return record;
}

/** Somebody wants it stopped, and not only the drain that has stopped it: lifting that does not start it again. */
function staysStopped({ evicted }: Pick<WorkloadRecord, 'evicted'>): { readonly evicted?: Evicted } {
  if (evicted?.resumes === undefined) return {};
  const { resumes: _resumes, ...rest } = evicted;
  return { evicted: rest };
}

/** What absence means in records of earlier agents. */
const NOT_SAID: Readonly<Record<string, unknown>> = { restart: NOT_TRIED };
