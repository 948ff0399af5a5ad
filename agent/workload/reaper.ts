// Objects that carry our tag but belong to no workload: left by a crash, or by someone who removed the journal. They are
// counted at once and removed when they have been seen for longer than the guard age. Anything with a living process is
// only reported: a lost journal entry must not cost a running workload.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linkNameFor } from '../../netns/names.js';
import type { CleanupStep } from '../service.js';
import { sliced } from '../sliced.js';
import type { Manager } from './manager.js';
import { NETNS_PREFIX, OWNER_PREFIX, SLOT_PREFIX } from './plan.js';
import type { World } from './world.js';

export type OrphanKind = 'cgroup' | 'netns' | 'link' | 'firewall' | 'process' | 'directory';

export interface Orphan {
  readonly kind: OrphanKind;
  readonly name: string;
  readonly id: string;
  /** A process is in it: reported, never removed. */
  readonly inUse: boolean;
  /** Who, as far as it is known. */
  readonly heldBy?: string;
}

/** For the answer of the supervisor. */
const LIST_MS = 2000;

/** What the reaper asks about workloads. */
export type Workloads = Pick<Manager, 'has' | 'known' | 'networks'>;

export class Reaper {
  readonly #world: World;
  readonly #workloads: Workloads;
  readonly #guardMs: number;
  /** On the clock that only goes forward. */
  readonly #firstSeen = new Map<string, number>();
  #orphans: readonly Orphan[] = [];
  readonly #removed: Record<OrphanKind, number> = zeros();
  #sweeping: Promise<readonly string[]> | undefined;

  constructor(world: World, workloads: Workloads, guardMs: number) {
    this.#world = world;
    this.#workloads = workloads;
    this.#guardMs = guardMs;
  }

  /** What the last sweep has left standing. */
  get orphans(): readonly Orphan[] {
    return this.#orphans;
  }

  /** Orphans left standing by kind, zeros included. */
  counts(): Readonly<Record<OrphanKind, number>> {
    const counts = zeros();
    for (const { kind } of this.#orphans) counts[kind] += 1;
    return counts;
  }

  /** Removed since the start of the agent, by kind. */
  removed(): Readonly<Record<OrphanKind, number>> {
    return this.#removed;
  }

  /** Finds and removes; `now` skips the guard age. Returns what was removed, as `kind name`. One sweep at a time. */
  sweep({ now, signal }: { readonly now: boolean; readonly signal?: AbortSignal }): Promise<readonly string[]> {
    const before = this.#sweeping ?? Promise.resolve([]);
    const mine = before.then(
      () => this.#sweep(now, signal),
      () => this.#sweep(now, signal),
    );
    this.#sweeping = mine;
    return mine;
  }

  /** What a sweep that skips the guard age would do now. Changes nothing. */
  async plan(): Promise<readonly CleanupStep[]> {
    const found = await this.#withHolders(await this.#find());
    return found.map(({ kind, name, id, inUse, heldBy }) => {
      if (!inUse) return { kind, name, action: 'remove', why: `no workload "${id}" is known, and nobody uses it` };
      return { kind, name, action: 'keep', why: heldBy ?? `a process of "${id}" runs` };
    });
  }

  async #sweep(now: boolean, signal: AbortSignal | undefined): Promise<readonly string[]> {
    signal?.throwIfAborted();
    const found = await this.#withHolders(await this.#find(signal), signal);
    const at = performance.now();
    const present = new Set(found.map(keyOf));
    for (const key of this.#firstSeen.keys()) if (!present.has(key)) this.#firstSeen.delete(key);
    const removed: string[] = [];
    const left: Orphan[] = [];
    for await (const orphan of sliced(found)) {
      const key = keyOf(orphan);
      const since = this.#firstSeen.get(key) ?? at;
      this.#firstSeen.set(key, since);
      const due = signal?.aborted !== true && !orphan.inUse && (now || at - since >= this.#guardMs);
      // The removals before it took their time, in which a workload of this very name may have come.
      if (!this.#isNobodys(orphan)) continue;
      if (due && (await this.#remove(orphan))) removed.push(key);
      else left.push(orphan);
    }
    this.#orphans = left;
    await this.#sweepFirewall(left);
    return removed;
  }

  /** Not while there are links nobody explains: their elements look as if they were left over, and are not. */
  async #sweepFirewall(orphans: readonly Orphan[]): Promise<void> {
    if (orphans.some(({ kind }) => kind === 'link')) return;
    try {
      const count = await this.#world.network.sweep(this.#workloads.networks());
      this.#removed.firewall += count;
      if (count > 0) this.#world.log.warn({ count }, 'elements of the firewall were nobody’s and are removed');
    } catch (error) {
      this.#world.log.warn({ err: error }, 'the firewall could not be swept');
    }
  }

  async #find(signal?: AbortSignal): Promise<Orphan[]> {
    const { cgroups, network, holder, config } = this.#world;
    // The objects are listed before the journal is asked: a workload created in between is then known.
    const [groups, net, held, directories] = await Promise.all([
      cgroups.list(),
      network.list({ netnsPrefix: NETNS_PREFIX, ownerPrefix: OWNER_PREFIX }, { signal }),
      // What a supervisor that does not answer has is not known: everything counts as in use, and nothing is removed.
      holder.list({ deadlineMs: LIST_MS, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined),
      readdir(join(config.paths.runtime, 'workloads')).catch(() => []),
    ]);
    const busy = new Set<string>();
    for await (const { id, name } of sliced(groups)) if (cgroups.populated(name)) busy.add(id);
    for (const process of held ?? []) if (!process.exit) busy.add(process.id);
    // A free slot is no leak, and one in use has the name of a number: its link says whose it is.
    const slots = new Set(network.slots().names);
    const owners = new Map(net.links.map(({ name, owner }) => [name, owner]));
    const ownerOf = (netns: string): string => {
      if (!netns.startsWith(SLOT_PREFIX)) return netns.slice(NETNS_PREFIX.length);
      return idOf(owners.get(linkNameFor(config.network.link_prefix, netns)) ?? `${OWNER_PREFIX}${netns}`);
    };
    const make = (kind: OrphanKind, name: string, id: string): Orphan => ({
      ...{ kind, name, id },
      inUse: held === undefined || busy.has(id),
    });
    const all = [
      ...groups.filter((g) => g.tag?.startsWith(OWNER_PREFIX)).map((g) => make('cgroup', g.name, g.id)),
      ...net.links.map((link) => make('link', link.name, idOf(link.owner))),
      ...net.netns.filter((name) => !slots.has(name)).map((name) => make('netns', name, ownerOf(name))),
      ...(held ?? []).map((process) => make('process', process.id, process.id)),
      ...directories.map((name) => make('directory', name, name)),
    ];
    const known = this.#workloads.known();
    return all.filter((orphan) => this.#isNobodys(orphan, () => known));
  }

  /** A namespace may be in use by somebody of whom neither the holder nor a cgroup of ours knows. */
  async #withHolders(orphans: readonly Orphan[], signal?: AbortSignal): Promise<readonly Orphan[]> {
    const strays = orphans.filter(({ kind }) => kind === 'netns' || kind === 'link');
    if (strays.length === 0) return orphans;
    const held = await this.#world.network.held(
      strays.map(({ kind, name }) => ({
        netns: kind === 'netns' ? name : null,
        hostLink: kind === 'link' ? name : null,
      })),
      { signal },
    );
    const sentences = new Map(strays.map((orphan, at) => [orphan, held[at] ?? null]));
    return orphans.map((orphan) => {
      const heldBy = sentences.get(orphan) ?? null;
      return heldBy === null ? orphan : { ...orphan, inUse: true, heldBy };
    });
  }

  /** The netns of a settled workload is none of its sandbox any more. */
  #isNobodys({ kind, id, name }: Orphan, known = () => this.#workloads.known()): boolean {
    return kind === 'netns' ? !known().netns.has(name) : !this.#workloads.has(id);
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

function zeros(): Record<OrphanKind, number> {
  return { cgroup: 0, netns: 0, link: 0, firewall: 0, process: 0, directory: 0 };
}

function idOf(owner: string): string {
  return owner.slice(OWNER_PREFIX.length);
}

function keyOf(orphan: Orphan): string {
  return `${orphan.kind} ${orphan.name}`;
}
