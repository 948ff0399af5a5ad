// Everything that looks after limits while workloads run: the watch on their cgroups, the audit against second writers, the
// promises of memory above them, the advice on throttling.
import type { Signals } from '../../../cgroups/signals/index.js';
import type { Config } from '../../config/schema.js';
import type { Density } from '../../density/density.js';
import { type LimitStatus, limitStatus, type Sampled, ThrottlingWatch } from '../../limits/conditions.js';
import { LimitDrift } from '../../limits/drift.js';
import type { Layers } from '../../limits/layers.js';
import { UnitProtection } from '../../limits/protection.js';
import type { TenantGroups } from '../../limits/tenants.js';
import { CgroupWatch } from '../../limits/watch.js';
import type { LimitFigures } from '../../metrics/families/limits.js';
import type { Manager } from '../../workload/manager.js';
import { driftWorld, type LimitDriftPorts, layerWorld } from './limit-targets.js';

export interface LimitPorts extends LimitDriftPorts {
  readonly config: Pick<Config, 'cgroups'>;
  readonly density: Pick<Density, 'tenants'>;
  readonly layers: LimitDriftPorts['layers'] & Pick<Layers, 'attach'>;
  readonly tenants: TenantGroups;
}

export interface LimitRoomOptions {
  readonly world: LimitPorts;
  readonly manager: Manager;
  readonly signals: Pick<Signals, 'watch'>;
  /** Bytes of swap of the host. */
  readonly swapBytes: number;
  /** Units above the workloads with what they are promised for themselves, in bytes; none without systemd. */
  readonly units: ConstructorParameters<typeof UnitProtection>[0]['units'];
  /** The last sample of a workload. */
  readonly latest: (id: string) => Sampled | undefined;
  /** The kernel has killed something in the cgroup of a workload. */
  readonly killed: (workload: string) => void;
}

const SYNC_MS = 50;

export class LimitRoom {
  readonly #options: LimitRoomOptions;
  readonly #drift: LimitDrift;
  readonly #watch: CgroupWatch;
  readonly #throttling: ThrottlingWatch;
  readonly #protection: UnitProtection;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LimitRoomOptions) {
    const { world, manager, signals, units, killed } = options;
    const { cgroups, config, density, events, layers, limits, log, tenants } = world;
    this.#options = options;
    layers.attach(layerWorld(world, manager));
    const audited = driftWorld(world, manager);
    this.#drift = new LimitDrift(audited, { repairs: config.cgroups.repairs });
    this.#watch = new CgroupWatch({
      ...{ signals, cgroups, events, log, killed },
      targets: () => audited.targets(),
      written: (key) => this.#drift.hint(key),
    });
    this.#throttling = new ThrottlingWatch(limits);
    density.tenants.onChange(({ name }) => {
      tenants.apply(name).catch((err: unknown) => log.warn({ tenant: name, err }, 'limits of a tenant not written'));
    });
    this.#protection = new UnitProtection({ units, log, total: () => tenants.total() });
  }

  figures(): Pick<LimitFigures, 'changes' | 'contested' | 'leaks' | 'dying'> {
    const { cgroups } = this.#options.world;
    return {
      changes: this.#drift.counts(),
      contested: this.#drift.contested().length,
      leaks: cgroups.leaks.list().length,
      dying: cgroups.dying(),
    };
  }

  status(): LimitStatus {
    const { world, manager, swapBytes } = this.#options;
    return limitStatus({
      contested: this.#drift.contested(),
      unwatched: this.#watch.unwatched,
      refusedTenants: world.tenants.refused(),
      throttling: this.#throttling.advice(),
      records: manager.records(),
      swapBytes,
      leaks: world.cgroups.leaks.list().map(({ dir, error }) => `${dir}: ${error}`),
    });
  }

  /** A workload runs now, or does not any more; in a storm of them it is looked at once for many. */
  sync(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#watch.sync();
      this.#protection.changed();
    }, SYNC_MS).unref();
  }

  forget(id: string): void {
    this.#drift.forget(id);
    this.sync();
  }

  /** Before the first look: what the configuration has said of tenants since the last agent is no drift. Not waited for. */
  adopt(): void {
    const { log } = this.#options.world;
    this.reload().catch((err: unknown) => log.warn({ err }, 'limits of tenants not written'));
  }

  /** Each minute, and at the start of the agent. */
  async look(): Promise<void> {
    const { manager, world, latest } = this.#options;
    this.sync();
    await this.#throttling.look(manager.records(), latest);
    for (const tenant of world.tenants.refused().keys()) await world.tenants.apply(tenant);
    // Not waited for: a workload whose turn lasts holds up its own audit and nobody else's.
    void this.#drift.check();
  }

  /** Limits of tenants as they are now, written where they have a cgroup. Returns what could not be done. */
  async reload(): Promise<ReadonlyMap<string, string>> {
    const { manager, world } = this.#options;
    const tenants = new Set(manager.records().map(({ spec }) => spec.tenant));
    await Promise.all([...tenants].map((tenant) => world.tenants.apply(tenant)));
    return world.tenants.refused();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watch.close();
    this.#options.world.tenants.close();
    await this.#drift.close();
    await this.#protection.close();
  }
}
