// Objects that carry our tag but belong to no workload: left by a crash, or by someone who removed the journal. They are
// counted at once and removed when they have been seen for longer than the guard age. Anything with a living process is
// only reported: a lost journal entry must not cost a running workload. Those of other installations are counted apart.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sliced } from '../../linux/sliced.js';
import type { Log } from '../base/log.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { EventPort } from '../model/event.js';
import type { Installation } from '../model/tags.js';
import { type OtherInstallation, ownerTag } from '../model/tags.js';
import type { NetworkPort } from '../network/network-port.js';
import type { Manager } from './manager.js';
import type { SupervisorPort } from './ports.js';
import { judge, type Kept, type Verdict } from './reaping.js';
import { findStrays, type Stray, type StrayKind, type StrayPorts } from './strays.js';

export type OrphanKind = StrayKind | 'firewall';

export interface Orphan {
  readonly kind: OrphanKind;
  readonly name: string;
  readonly id: string;
  /** A process is in it: reported, never removed. */
  readonly inUse: boolean;
  /** Who, as far as it is known. */
  readonly heldBy?: string;
}

/** What the reaper asks about workloads. */
export type Workloads = Pick<Manager, 'has' | 'known' | 'networks' | 'holdsNetns'>;

/** Kept for good, and no leak of this installation: `another` has it, or nobody says whose it is. */
export type Apart = 'another' | 'unknown';

/** Asked once for all that is judged: to make the set of namespaces takes a look at every record. */
interface Judged {
  readonly others: readonly OtherInstallation[];
  /** Those that workloads have. */
  readonly netns: { has(name: string): boolean };
  readonly now: boolean;
}

const APART: Readonly<Partial<Record<Kept, Apart>>> = { foreign: 'another', unclear: 'unknown' };

export interface ReaperPorts extends StrayPorts {
  readonly cgroups: StrayPorts['cgroups'] & Pick<CgroupPort, 'remove' | 'removeTenant'>;
  readonly network: StrayPorts['network'] & Pick<NetworkPort, 'remove' | 'sweep'>;
  readonly supervisor: Pick<SupervisorPort, 'list' | 'forget'>;
  readonly installation: Installation;
  readonly events: EventPort;
  readonly log: Log;
}

export class Reaper {
  readonly #ports: ReaperPorts;
  readonly #workloads: Workloads;
  readonly #guardMs: number;
  /** On the clock that only goes forward. */
  readonly #firstSeen = new Map<string, number>();
  #orphans: readonly Orphan[] = [];
  #apart: readonly { readonly kind: StrayKind; readonly whose: Apart }[] = [];
  readonly #removed: Record<OrphanKind, number> = zeros();
  #sweeping: Promise<readonly string[]> | undefined;

  constructor(ports: ReaperPorts, workloads: Workloads, guardMs: number) {
    this.#ports = ports;
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

  /** Objects that the last sweep has left because they are, or may be, of another installation. */
  apart(): readonly { readonly kind: StrayKind; readonly whose: Apart }[] {
    return this.#apart;
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

  /** What a sweep that skips the guard age would do now, and what the guard age still spares. Changes nothing. */
  async plan(): Promise<readonly CleanupStep[]> {
    const found = await findStrays(this.#ports, this.#workloads);
    const judged = { others: this.#ports.installation.others(), netns: (await this.#workloads.known()).netns };
    return found.flatMap((stray) => {
      const { kind, name, installation } = stray;
      const verdict = this.#judge(stray, { ...judged, now: true });
      if (verdict.action === 'keep' && verdict.reason === 'recorded') return [];
      const alone = this.#judge(stray, { ...judged, now: false });
      const spared =
        verdict.action === 'remove' && alone.action === 'keep' ? `; without this command ${alone.why}` : '';
      return [{ kind, name, installation, action: verdict.action, why: `${verdict.why}${spared}` }];
    });
  }

  async #sweep(now: boolean, signal: AbortSignal | undefined): Promise<readonly string[]> {
    signal?.throwIfAborted();
    const found = await findStrays(this.#ports, this.#workloads, signal);
    const others = this.#ports.installation.others();
    this.#note(found);
    const removed: string[] = [];
    const left: Orphan[] = [];
    const apart: { readonly kind: StrayKind; readonly whose: Apart }[] = [];
    const { netns } = await this.#workloads.known();
    // What came before took its time, in which a workload may have come to have this very namespace.
    const current = { has: (name: string) => this.#workloads.holdsNetns(name) };
    for await (const stray of sliced(found)) {
      let verdict = this.#judge(stray, { others, netns, now });
      if (verdict.action === 'remove' && stray.kind === 'netns')
        verdict = this.#judge(stray, { others, netns: current, now });
      if (verdict.action === 'remove' && signal?.aborted !== true && (await this.#remove(stray))) {
        removed.push(keyOf(stray));
        continue;
      }
      const whose = verdict.action === 'keep' ? APART[verdict.reason] : undefined;
      if (whose !== undefined) apart.push({ kind: stray.kind, whose });
      else if (verdict.action === 'remove' || verdict.reason !== 'recorded') left.push(orphanOf(stray));
    }
    this.#orphans = left;
    this.#apart = apart;
    await this.#sweepFirewall([...left, ...apart]);
    return removed;
  }

  /** When each was first seen; what is gone is forgotten. */
  #note(found: readonly Stray[]): void {
    const at = performance.now();
    const present = new Set(found.map(keyOf));
    for (const key of this.#firstSeen.keys()) if (!present.has(key)) this.#firstSeen.delete(key);
    for (const key of present) if (!this.#firstSeen.has(key)) this.#firstSeen.set(key, at);
  }

  #judge(stray: Stray, { others, netns, now }: Judged): Verdict {
    const { id, kind, name } = stray;
    const since = this.#firstSeen.get(keyOf(stray));
    // The netns of a settled workload is none of its sandbox any more.
    const recorded = kind === 'netns' ? netns.has(name) : this.#workloads.has(id);
    const ageMs = since === undefined ? 0 : performance.now() - since;
    const rules = { ours: this.#ports.installation.id, others, guardMs: this.#guardMs, now };
    return judge({ ...stray, recorded, ageMs }, rules);
  }

  /** Not while there are links nobody explains: their elements look as if they were left over, and are not. */
  async #sweepFirewall(kept: readonly { readonly kind: OrphanKind }[]): Promise<void> {
    if (kept.some(({ kind }) => kind === 'link')) return;
    try {
      const count = await this.#ports.network.sweep(await this.#workloads.networks());
      this.#removed.firewall += count;
      if (count > 0) this.#ports.log.warn({ count }, 'elements of the firewall were nobody’s and are removed');
    } catch (error) {
      this.#ports.log.warn({ err: error }, 'the firewall could not be swept');
    }
  }

  async #remove(stray: Stray): Promise<boolean> {
    const { cgroups, network, supervisor, config, events, installation, log } = this.#ports;
    const { kind, name, id } = stray;
    const owner = kind === 'link' && stray.tag !== null ? stray.tag : ownerTag(installation.id, id);
    const orphan = orphanOf(stray);
    try {
      switch (kind) {
        case 'cgroup':
          await cgroups.remove(name);
          await cgroups.removeTenant(name.split('/')[0] ?? '');
          break;
        case 'link':
          await network.remove({ netns: null, hostLink: name, owner, network: null, recycle: false });
          break;
        case 'netns':
          await network.remove({ netns: name, hostLink: null, owner, network: null, recycle: false });
          break;
        case 'process':
          await supervisor.forget(id);
          break;
        case 'directory':
          await rm(join(config.paths.runtime, 'workloads', name), { recursive: true, force: true });
          break;
      }
    } catch (error) {
      log.warn({ ...orphan, err: error }, 'orphan could not be removed');
      return false;
    }
    this.#removed[kind] += 1;
    events.append({ type: 'reaper.removed', data: { ...orphan } });
    log.warn({ ...orphan }, 'orphan removed');
    return true;
  }
}

function orphanOf({ kind, name, id, heldBy }: Stray): Orphan {
  return { kind, name, id, inUse: heldBy !== null, ...(heldBy === null ? {} : { heldBy }) };
}

function zeros(): Record<OrphanKind, number> {
  return { cgroup: 0, netns: 0, link: 0, firewall: 0, process: 0, directory: 0 };
}

function keyOf({ kind, name }: Stray): string {
  return `${kind} ${name}`;
}

/** What a cleanup would do with one object that no record of this agent explains. */
export interface CleanupStep {
  /** `cgroup`, `netns`, `link`, `process`, `directory`. */
  readonly kind: string;
  readonly name: string;
  /** Id of the installation whose tag it carries; null: no tag, or one of a version without ids. */
  readonly installation: string | null;
  readonly action: 'remove' | 'keep';
  readonly why: string;
}
