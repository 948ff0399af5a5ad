// The second writer: somebody else has changed a file of a cgroup that is berth's. Noticed when it is written (inotify on
// the directory), and by an audit each minute and at the start of the agent; put back a bounded number of times, then only
// reported. Writes of our own look the same to inotify: what counts is whether the kernel holds what it should.
import { placeOf } from '../../cgroups/place.js';
import type { Value } from '../../cgroups/types.js';
import { sliced } from '../../linux/sliced.js';
import { BerthError } from '../../protocol/errors.js';
import type { Log } from '../base/log.js';
import { RepairBudget, type RepairLimits } from '../base/repair-budget.js';
import type { EventPort } from '../model/event.js';
import type { CgroupPort } from './cgroup-port.js';
import { shrinkTo } from './shrink.js';

/** A cgroup and what it should hold now. */
export interface LimitTarget {
  /** Workload id, or `tenant/NAME`. */
  readonly key: string;
  /** Below the root of the tree. */
  readonly cgroup: string;
  readonly workload: string | null;
  readonly tenant: string;
}

export interface LimitDriftWorld {
  readonly cgroups: Pick<CgroupPort, 'apply' | 'read' | 'differences' | 'shrinkMemory'>;
  readonly events: EventPort;
  readonly log: Log;
  targets(): readonly LimitTarget[];
  /** Asked again right before a repair, in the turn of whoever else writes there; empty: leave it alone. */
  desired(key: string): readonly Value[];
  /** Runs `work` when nobody of the agent is writing there. */
  exclusive(key: string, work: () => Promise<void>): Promise<void>;
}

/** A file that others keep changing, or that cannot be put back. */
export interface Contested {
  readonly key: string;
  readonly file: string;
  readonly wanted: string;
  readonly got: string;
}

/** A start writes its own limits and those of its tenant in several turns: all of them are looked at once. */
const DEBOUNCE_MS = 1000;
/** Each is a dozen reads, which begin when its turn has come: in a slice of their own time cannot be seen. */
const SLICE = 20;

export class LimitDrift {
  readonly #world: LimitDriftWorld;
  readonly #budget: RepairBudget;
  readonly #contested = new Map<string, Contested>();
  readonly #found = new Map<string, number>();
  readonly #repaired = new Map<string, number>();
  #hinted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();

  constructor(world: LimitDriftWorld, limits: Partial<RepairLimits> = {}) {
    this.#world = world;
    this.#budget = new RepairBudget(limits);
  }

  /** Changes by others since the start, and those put back, by file. */
  counts(): Readonly<Record<'found' | 'repaired', ReadonlyMap<string, number>>> {
    return { found: this.#found, repaired: this.#repaired };
  }

  contested(): readonly Contested[] {
    return [...this.#contested.values()];
  }

  /** A file below this cgroup was written by somebody, perhaps by us. */
  hint(key: string): void {
    if (this.#closing.signal.aborted) return;
    this.#hinted.add(key);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const keys = this.#hinted;
      this.#hinted = new Set();
      void this.check((target) => keys.has(target.key));
    }, DEBOUNCE_MS);
  }

  /** Looks at those that `which` picks, by default all; each waits for its own turn. Never rejects. */
  async check(which: (target: LimitTarget) => boolean = () => true): Promise<void> {
    const all = this.#lookAt(this.#world.targets().filter(which));
    // Of nothing but that it is over: what all of them have found, in one another, would be a list without end.
    this.#running = Promise.all([this.#running, all]).then(() => undefined);
    await all;
  }

  async #lookAt(targets: readonly LimitTarget[]): Promise<void> {
    const looks: Promise<void>[] = [];
    for await (const target of sliced(targets, { most: SLICE })) looks.push(this.#look(target));
    await Promise.all(looks);
  }

  forget(key: string): void {
    this.#budget.forget(`${key} `);
    for (const at of this.#contested.keys()) if (at.startsWith(`${key} `)) this.#contested.delete(at);
  }

  async close(): Promise<void> {
    this.#closing.abort(new BerthError('shutting_down', 'the agent is stopping'));
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #look(target: LimitTarget): Promise<void> {
    try {
      await this.#world.exclusive(target.key, () => this.#one(target));
    } catch (error) {
      this.#world.log.warn({ workload: target.key, err: error }, 'limits could not be checked');
    }
  }

  async #one(target: LimitTarget): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { cgroups } = this.#world;
    const desired = this.#world.desired(target.key);
    if (desired.length === 0) return;
    const found = cgroups.differences(target.cgroup, desired);
    const still = new Set(found.map((wanted) => `${target.key} ${placeOf(wanted)}`));
    for (const key of this.#contested.keys())
      if (key.startsWith(`${target.key} `) && !still.has(key)) this.#contested.delete(key);
    for (const wanted of found) {
      if (this.#closing.signal.aborted) return;
      const [got] = cgroups.read(target.cgroup, [wanted]);
      if (got !== undefined) await this.#settle(target, wanted, got.value);
    }
  }

  async #settle(target: LimitTarget, wanted: Value, got: string): Promise<void> {
    const { file, value } = wanted;
    const key = `${target.key} ${placeOf(wanted)}`;
    const data = { file, wanted: value, got };
    const known = this.#contested.get(key);
    if (known === undefined || known.got !== got) {
      count(this.#found, file);
      this.#tell('cgroup.drift', target, data);
    }
    const contested = { key: target.key, ...data };
    if (!this.#budget.spend(key)) {
      if (known === undefined) this.#tell('cgroup.contested', target, data);
      this.#contested.set(key, contested);
      return;
    }
    try {
      await this.#write(target, wanted, got);
      this.#contested.delete(key);
      count(this.#repaired, file);
      this.#tell('cgroup.repaired', target, data);
    } catch (error) {
      // Called off, not refused: the next agent finds it again.
      if (this.#closing.signal.aborted) return;
      this.#world.log.warn({ workload: target.key, ...data, err: error }, 'a limit could not be put back');
      this.#contested.set(key, contested);
    }
  }

  /** Whoever has raised memory.max may have let the workload grow: to write it back as it was would kill. */
  async #write({ cgroup }: LimitTarget, wanted: Value, got: string): Promise<void> {
    const { cgroups } = this.#world;
    const lower = wanted.value !== 'max' && (got === 'max' || Number(got) > Number(wanted.value));
    if (wanted.file === 'memory.max' && lower)
      await shrinkTo(cgroups, cgroup, Number(wanted.value), this.#closing.signal);
    else await cgroups.apply(cgroup, [wanted]);
  }

  #tell(type: string, { workload, tenant }: LimitTarget, data: Readonly<Record<string, unknown>>): void {
    this.#world.events.append({ type, data, tenant, ...(workload === null ? {} : { workload }) });
    this.#world.log.warn({ workload: workload ?? `tenant ${tenant}`, ...data }, type);
  }
}

function count(counts: Map<string, number>, file: string): void {
  counts.set(file, (counts.get(file) ?? 0) + 1);
}
