// Kills by the kernel inside a workload that goes on: told once they are over and the record counts from there. Until that is
// durable they are kept, and an end of the workload takes them along.

import type { Log } from '../base/log.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Survived as Kills, Witnesses } from './end.js';

/** A victim takes a moment to be gone, and its end is then another story; several kills in a row are told once. */
const SETTLES_MS = 1000;
const MOST_MS = 30_000;

/** The actor, as far as this needs it. */
export interface Survivor {
  readonly record: WorkloadRecord;
  /** Whether the end of its process is known. */
  readonly hasEnded: boolean;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  patch(change: Partial<WorkloadRecord>, durable: () => void): Promise<void>;
  event(type: string, data: Readonly<Record<string, unknown>>): void;
}

export class Survived {
  readonly #witnesses: Pick<Witnesses, 'kernelKills'>;
  readonly #log: Pick<Log, 'warn'>;
  readonly #actor: Survivor;
  #timer: NodeJS.Timeout | undefined;
  /** Not durable yet. The kernel's log may not have the victim any more at the next try. */
  #owed: Kills | undefined;
  #failures = 0;

  constructor(witnesses: Pick<Witnesses, 'kernelKills'>, log: Pick<Log, 'warn'>, actor: Survivor) {
    this.#witnesses = witnesses;
    this.#log = log;
    this.#actor = actor;
  }

  /** memory.events have changed. */
  changed(): void {
    this.#lookIn(SETTLES_MS);
  }

  /** The record to explain its end from: what it survived is no cause of that. */
  counted(record: WorkloadRecord): WorkloadRecord {
    return this.#owed === undefined ? record : { ...record, before: this.#owed.before };
  }

  /** The record no longer counts what is owed, and that is durable. */
  tell(): void {
    const owed = this.#owed;
    if (owed === undefined) return;
    this.#owed = undefined;
    this.#failures = 0;
    const { count, level, victim, detail } = owed.kills;
    this.#actor.event('workload.oom', { cause: level, kills: count, ...(victim ? { victim } : {}), detail });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        void this.#actor.exclusive(() => this.#look()).catch((error: unknown) => this.#tryAgain(error));
      },
      Math.min(MOST_MS, ms),
    );
  }

  #tryAgain(err: unknown): void {
    this.#failures += 1;
    this.#log.warn({ workload: this.#actor.record.id, err }, 'a kill inside it is not recorded; will try again');
    this.#lookIn(SETTLES_MS * 2 ** this.#failures);
  }

  /** Counted from here, so that its own end is not mistaken for this. */
  async #look(): Promise<void> {
    const { state } = this.#actor.record;
    if ((state !== 'running' && state !== 'frozen') || this.#actor.hasEnded) return;
    const found = await this.#witnesses.kernelKills(this.#actor.record);
    // That end is under way, and takes along what is owed.
    if (found?.kills.main === 'surely') return;
    if (found !== undefined && found.kills.count > (this.#owed?.kills.count ?? 0)) this.#owed = found;
    if (this.#owed !== undefined) await this.#actor.patch({ before: this.#owed.before }, () => this.tell());
  }
}
