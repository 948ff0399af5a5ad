// One watch for each cgroup of ours that something runs in. What the kernel says goes to whoever acts on it: counters of
// memory to the pressure room and the records of kills, refused forks to the log, a written file to the audit of limits.
import type { CgroupEvents } from '../../cgroups/events.js';
import type { Signals, CgroupWatch as Watch } from '../../cgroups/signals/index.js';
import { sliced } from '../../linux/sliced.js';
import type { Log } from '../base/log.js';
import type { EventPort } from '../model/event.js';
import type { CgroupPort } from './cgroup-port.js';
import type { LimitTarget } from './drift.js';

export interface WatchWorld {
  readonly signals: Pick<Signals, 'watch'>;
  readonly cgroups: Pick<CgroupPort, 'path' | 'read'>;
  readonly events: EventPort;
  readonly log: Log;
  targets(): readonly LimitTarget[];
  /** A file of this target was written, perhaps by us. */
  written(key: string): void;
  /** The kernel has killed something in the cgroup of a workload. */
  killed(workload: string): void;
}

/** A fork bomb is refused thousands of times a second; it is told once in this time. */
const QUIET_MS = 60_000;

interface Followed {
  readonly watch: Watch;
  readonly cgroup: string;
  /** As last told: only what rises from there is news. */
  events: CgroupEvents;
  toldAt: number;
}

export class CgroupWatch {
  readonly #world: WatchWorld;
  readonly #followed = new Map<string, Followed>();
  #unwatched = 0;
  #syncing: Promise<void> | undefined;
  #again: Promise<void> | undefined;
  #closed = false;

  constructor(world: WatchWorld) {
    this.#world = world;
  }

  /** Cgroups that cannot be watched (no inotify watches left): only the audit sees what happens to them. */
  get unwatched(): number {
    return this.#unwatched;
  }

  /** Follows all that run and no others. Resolves when that is so of those that ran at this call. Never rejects. */
  sync(): Promise<void> {
    // One that runs may have passed what has changed since; all that come meanwhile are one more.
    this.#again ??= (this.#syncing ?? Promise.resolve()).then(() => {
      this.#again = undefined;
      this.#syncing = this.#sync();
      return this.#syncing;
    });
    return this.#again;
  }

  async #sync(): Promise<void> {
    const targets = new Map(this.#world.targets().map((target) => [target.key, target]));
    for await (const key of sliced(this.#followed.keys())) if (!targets.has(key)) this.#leave(key);
    let failed = 0;
    for await (const target of sliced(targets.values())) {
      if (this.#closed) return;
      if (this.#followed.get(target.key)?.cgroup === target.cgroup) continue;
      if (!this.#follow(target)) failed += 1;
    }
    this.#unwatched = failed;
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#followed.keys()]) this.#leave(key);
  }

  #follow(target: LimitTarget): boolean {
    const { signals, cgroups, log } = this.#world;
    // It may have another cgroup than before.
    this.#leave(target.key);
    try {
      const watch = signals.watch(cgroups.path(target.cgroup), (signal) => {
        if (signal.kind === 'written' || signal.kind === 'lost') this.#world.written(target.key);
        else if (signal.kind === 'gone') this.#leave(target.key);
        else this.#counted(target, signal.events);
      });
      this.#followed.set(target.key, {
        watch,
        cgroup: target.cgroup,
        events: watch.events,
        toldAt: Number.NEGATIVE_INFINITY,
      });
      return true;
    } catch (error) {
      if (this.#unwatched === 0) log.warn({ workload: target.key, err: error }, 'a cgroup cannot be watched');
      return false;
    }
  }

  #counted(target: LimitTarget, events: CgroupEvents): void {
    const followed = this.#followed.get(target.key);
    if (followed === undefined) return;
    const before = followed.events;
    followed.events = events;
    const { workload } = target;
    if (workload !== null && (events.memory?.oomKill ?? 0) > (before.memory?.oomKill ?? 0))
      this.#world.killed(workload);
    const refused = (events.pidsMax ?? 0) - (before.pidsMax ?? 0);
    if (refused > 0) this.#refused(target, followed, refused);
  }

  #refused({ workload, tenant, cgroup }: LimitTarget, followed: Followed, refused: number): void {
    const now = performance.now();
    if (now - followed.toldAt < QUIET_MS) return;
    // The count of a tenant holds those of its workloads (since Linux 6.12): it is told only where the limit is its own.
    const [limit] = this.#world.cgroups.read(cgroup, [{ file: 'pids.max', value: 'max' }]);
    if (limit?.value === 'max') return;
    followed.toldAt = now;
    const data = { refused, cgroup };
    const type = workload === null ? 'tenant.pids_refused' : 'workload.pids_refused';
    this.#world.events.append({ type, tenant, data, ...(workload === null ? {} : { workload }) });
    this.#world.log.warn({ workload, tenant, ...data }, 'forks are refused: pids.max is reached');
  }

  #leave(key: string): void {
    this.#followed.get(key)?.watch.close();
    this.#followed.delete(key);
  }
}
