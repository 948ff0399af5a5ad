// What is wrong on this host, of the node and of its network: looked at when asked, for many at once.

import { relative } from 'node:path';
import { defined } from '../../linux/defined.js';
import type { Log } from '../base/log.js';
import { Shared } from '../base/shared.js';
import { idRanges } from '../config/drivers.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import type { AgentStatus } from '../doctor/check.js';
import { diagnose, evaluate } from '../doctor/doctor.js';
import { NETWORK_CHECKS } from '../doctor/network-checks.js';
import { type HostFacts, probeHost } from '../host/facts.js';
import { readIdOwners, sharedIds } from '../host/id-owners.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { LimitStatus } from '../limits/conditions.js';
import type { Condition } from '../model/condition.js';
import type { Installation } from '../model/tags.js';
import type { PoolConflict } from '../network/conflicts.js';
import type { Drift } from '../network/drift.js';
import { namedTables } from '../network/foreign-tables.js';
import type { NetworkHealth, NetworkStatus } from '../network/health.js';
import { conditions } from '../placement/describe.js';
import { readForeign, type Violation, violations } from '../placement/foreign.js';
import type { Placement } from '../placement/placement.js';
import type { Pressure } from '../pressure/engine.js';
import type { Reaper } from '../workload/reaper.js';
import type { Conditions } from './conditions.js';
import { lookAtHost } from './host-look.js';

/** How long findings are told again: a look at the whole host takes a while. */
const KEPT_MS = 2000;

export interface DiagnosisPorts {
  readonly cgroups: Pick<CgroupPort, 'root'>;
  readonly config: Pick<Config, 'drivers' | 'network'>;
  readonly density: Pick<Density, 'config' | 'status'>;
  readonly installation: Installation;
  readonly placement: Placement;
  readonly log: Log;
}

export interface DiagnosisParts {
  readonly world: DiagnosisPorts;
  readonly reaper: Reaper;
  readonly conditions: Pick<Conditions, 'all' | 'ready'>;
  readonly drift: Pick<Drift, 'unrepaired'>;
  readonly limits: () => LimitStatus;
  readonly pressure: Pick<Pressure, 'status' | 'conditions'>;
  readonly health: Pick<NetworkHealth, 'refresh' | 'traffic' | 'conflicts' | 'foreign'>;
  /** As they are when asked (host/live-facts.ts). */
  readonly facts: HostFacts;
  readonly missingControllers: CgroupPort['missing'];
  readonly ready: () => boolean;
  readonly schedulers: () => readonly { readonly id: string; readonly connected: boolean }[];
}

export class Diagnosis {
  readonly #parts: DiagnosisParts;
  readonly #found = new Shared(() => this.#examine(), KEPT_MS);
  #binaries: HostFacts['binaries'];

  constructor(parts: DiagnosisParts) {
    this.#parts = parts;
    this.#binaries = parts.facts.binaries;
  }

  /** Of a look at the whole host that is at most two seconds old. */
  look(): Promise<readonly Condition[]> {
    return this.#found.get();
  }

  /** The next look is a new one: something has changed. */
  forget(): void {
    this.#found.forget();
  }

  /** What can be told without a look at the disk. */
  of(facts: HostFacts, also: Pick<AgentStatus, 'sharedIds'> = {}): Condition[] {
    const { world, reaper, missingControllers, schedulers } = this.#parts;
    const { pressure } = this.#parts;
    const placed = conditions(world.placement, this.violations(facts));
    const own = [...this.#parts.conditions.all(), ...pressure.conditions(), ...placed];
    return diagnose(facts, {
      workloadLimit: world.density.config.density.max_workloads,
      density: world.density.status(),
      leakedObjects: reaper.orphans.length,
      missingControllers,
      network: this.#network(),
      limits: this.#parts.limits(),
      schedulersDown: schedulers()
        .filter(({ connected }) => !connected)
        .map(({ id }) => id),
      conditions: own,
      ...also,
    });
  }

  /** Cpus of a placement that processes of others use. */
  violations({ cgroup }: HostFacts): Violation[] {
    const { placement, cgroups } = this.#parts.world;
    if (cgroup === undefined || placement.assignment.seats.size === 0) return [];
    const foreign = readForeign(cgroup.mount, relative(cgroup.mount, cgroups.root));
    return violations(placement.topology, placement.assignment, foreign);
  }

  /** What of the host's network keeps workloads from working, evaluated now: a source of the node's conditions. */
  networkConditions(): readonly Condition[] {
    return evaluate(NETWORK_CHECKS, this.#parts.facts, { network: this.#network() });
  }

  async #examine(): Promise<readonly Condition[]> {
    const { reaper, health, world } = this.#parts;
    // Before the workloads are known, everything of theirs looks like an orphan.
    if (this.#parts.ready()) await lookAtHost({ reaper, health, log: world.log });
    const { kvm } = this.#parts.facts;
    const facts = await probeHost({ binaries: this.#binaries });
    this.#binaries = facts.binaries;
    const shared = sharedIds(idRanges(world.config.drivers), await readIdOwners());
    return this.of({ ...facts, ...defined({ kvm }) }, { sharedIds: shared });
  }

  #network(): NetworkStatus {
    const { drift, health, world } = this.#parts;
    const { bridge, pool6 } = world.config.network;
    const { traffic, conflicts, foreign } = health;
    return {
      ...defined({ traffic }),
      poolConflicts: said(conflicts.filter(({ covers }) => !covers)),
      poolsCovered: said(conflicts.filter(({ covers }) => covers)),
      foreignTables: namedTables(foreign, world.installation),
      unrepaired: drift.unrepaired(),
      bridges: Object.keys(bridge).length > 0,
      ipv6: pool6 !== '',
    };
  }
}

function said(conflicts: readonly PoolConflict[]): string[] {
  return conflicts.map(({ key, pool, detail }) => `${key} ${pool}: ${detail}`);
}
