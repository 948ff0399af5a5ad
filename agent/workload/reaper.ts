// Objects that carry our tag but belong to no workload: left by a crash, or by someone who removed the journal. They are
// counted at once and removed when they have been seen for longer than the guard age. Anything with a living process is
// only reported: a lost journal entry must not cost a running workload.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NETNS_PREFIX, OWNER_PREFIX } from './plan.js';
import type { World } from './world.js';

export type OrphanKind = 'cgroup' | 'netns' | 'link' | 'process' | 'directory';

export interface Orphan {
  readonly kind: OrphanKind;
  readonly name: string;
  readonly id: string;
  /** A process is in it: reported, never removed. */
  readonly inUse: boolean;
}

export class Reaper {
  readonly #world: World;
  readonly #known: (id: string) => boolean;
  readonly #guardMs: number;
  readonly #firstSeen = new Map<string, number>();
  #orphans: readonly Orphan[] = [];
  readonly #removed: Record<OrphanKind, number> = { cgroup: 0, netns: 0, link: 0, process: 0, directory: 0 };
  #sweeping: Promise<readonly string[]> | undefined;

  constructor(world: World, known: (id: string) => boolean, guardMs: number) {
    this.#world = world;
    this.#known = known;
    this.#guardMs = guardMs;
  }

  /** What the last sweep has left standing. */
  get orphans(): readonly Orphan[] {
    return this.#orphans;
  }

  /** Orphans left standing by kind, zeros included. */
  counts(): Readonly<Record<OrphanKind, number>> {
    const counts = { cgroup: 0, netns: 0, link: 0, process: 0, directory: 0 };
    for (const { kind } of this.#orphans) counts[kind] += 1;
    return counts;
  }

  /** Resolves when every room has answered: what the watchdog calls progress. */
  async probe(): Promise<void> {
    await this.#find();
  }

  /** Removed since the start of the agent, by kind. */
  removed(): Readonly<Record<OrphanKind, number>> {
    return this.#removed;
  }

  /** Finds and removes; `now` skips the guard age. Returns what was removed, as `kind name`. One sweep at a time. */
  sweep(options: { readonly now: boolean }): Promise<readonly string[]> {
    const before = this.#sweeping ?? Promise.resolve([]);
    const mine = before.then(
      () => this.#sweep(options.now),
      () => this.#sweep(options.now),
    );
    this.#sweeping = mine;
    return mine;
  }

  async #sweep(now: boolean): Promise<readonly string[]> {
    const found = await this.#find();
    const at = Date.now();
    const present = new Set(found.map(keyOf));
    for (const key of this.#firstSeen.keys()) if (!present.has(key)) this.#firstSeen.delete(key);
    const removed: string[] = [];
    const left: Orphan[] = [];
    for (const orphan of found) {
      const key = keyOf(orphan);
      const since = this.#firstSeen.get(key) ?? at;
      this.#firstSeen.set(key, since);
      const due = !orphan.inUse && (now || at - since >= this.#guardMs);
      if (due && (await this.#remove(orphan))) removed.push(key);
      else left.push(orphan);
    }
    this.#orphans = left;
    return removed;
  }

  async #find(): Promise<Orphan[]> {
    const { cgroups, network, holder, config } = this.#world;
    // The objects are listed before the journal is asked: a workload created in between is then known.
    const [groups, net, held, directories] = await Promise.all([
      cgroups.list(),
      network.list({ netnsPrefix: NETNS_PREFIX, ownerPrefix: OWNER_PREFIX }),
      holder.list(),
      readdir(join(config.paths.runtime, 'workloads')).catch(() => []),
    ]);
    const busy = new Set(groups.filter((group) => cgroups.populated(group.name)).map((group) => group.id));
    for (const process of held) if (!process.exit) busy.add(process.id);
    const make = (kind: OrphanKind, name: string, id: string): Orphan => ({ kind, name, id, inUse: busy.has(id) });
    const all = [
      ...groups.filter((g) => g.tag?.startsWith(OWNER_PREFIX)).map((g) => make('cgroup', g.name, g.id)),
      ...net.links.map((link) => make('link', link.name, link.owner.slice(OWNER_PREFIX.length))),
      ...net.netns.map((name) => make('netns', name, name.slice(NETNS_PREFIX.length))),
      ...held.map((process) => make('process', process.id, process.id)),
      ...directories.map((name) => make('directory', name, name)),
    ];
    return all.filter((orphan) => !this.#known(orphan.id));
  }

  async #remove(orphan: Orphan): Promise<boolean> {
    const { cgroups, network, holder, config, events, log } = this.#world;
    const owner = `${OWNER_PREFIX}${orphan.id}`;
    try {
      switch (orphan.kind) {
        case 'cgroup':
          await cgroups.remove(orphan.name);
          await cgroups.removeTenant(orphan.name.split('/')[0] ?? '');
          break;
        case 'link':
          await network.remove({ netns: null, hostLink: orphan.name, owner, network: null, recycle: false });
          break;
        case 'netns':
          await network.remove({ netns: orphan.name, hostLink: null, owner, network: null, recycle: false });
          break;
        case 'process':
          await holder.forget(orphan.id);
          break;
        case 'directory':
          await rm(join(config.paths.runtime, 'workloads', orphan.name), { recursive: true, force: true });
          break;
      }
    } catch (error) {
      log.warn({ ...orphan, err: error }, 'orphan could not be removed');
      return false;
    }
    this.#removed[orphan.kind] += 1;
    events.append({ type: 'reaper.removed', data: { ...orphan } });
    log.warn({ ...orphan }, 'orphan removed');
    return true;
  }
}

function keyOf(orphan: Orphan): string {
  return `${orphan.kind} ${orphan.name}`;
}
