// Kills by the kernel inside a workload that goes on: told once they are over, and counted from there.
import { kernelKillsOf } from './end.js';
import type { WorkloadRecord } from './record.js';
import type { World } from './world.js';

/** A victim takes a moment to be gone, and its end is then another story; several kills in a row are told once. */
const SETTLES_MS = 1000;

/** The actor, as far as this needs it. */
export interface Survivor {
  readonly record: WorkloadRecord;
  /** Whether the end of its process is known. */
  readonly hasEnded: boolean;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
  event(type: string, data: Readonly<Record<string, unknown>>): void;
}

export class Survived {
  readonly #world: World;
  readonly #actor: Survivor;
  #timer: NodeJS.Timeout | undefined;

  constructor(world: World, actor: Survivor) {
    this.#world = world;
    this.#actor = actor;
  }

  /** memory.events have changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#actor
        .exclusive(() => this.#tell())
        .catch((error: unknown) =>
          this.#world.log.warn({ workload: this.#actor.record.id, err: error }, 'a kill inside it could not be told'),
        );
    }, SETTLES_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Counted from here, so that its own end is not mistaken for this. */
  async #tell(): Promise<void> {
    const { id, state } = this.#actor.record;
    if ((state !== 'running' && state !== 'frozen') || this.#actor.hasEnded) return;
    const found = await kernelKillsOf(this.#world, this.#actor.record);
    if (found === undefined || found.kills.main === 'surely') return;
    const { count, level, victim, detail } = found.kills;
    await this.#actor.patch({ before: found.before });
    this.#world.log.warn({ workload: id, cause: level, victim }, `a process of it was killed by the kernel ${detail}`);
    this.#actor.event('workload.oom', { cause: level, kills: count, ...(victim ? { victim } : {}), detail });
  }
}
