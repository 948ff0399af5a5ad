// Quotas, limits of tenants, ratios and reserves of a new configuration are taken at once, and what web.config_file holds;
// the rest waits for a restart, and is named.

import { isDeepStrictEqual } from 'node:util';
import type { Notify } from '../../systemd/notify.js';
import { reportOf } from '../base/errors.js';
import { Serial } from '../base/serial.js';
import type { Config } from '../config/schema.js';
import type { Reloaded } from '../control/service.js';
import { governorSettings } from '../density/governor/settings.js';
import { actorField, type EventActor } from '../model/event.js';
import type { Assembly } from './assembly/assembly.js';

/** Sections whose change is taken without a restart. */
const LIVE: readonly (keyof Config)[] = ['density', 'tenant', 'licence', 'governor', 'pressure'];

/** Sections that differ and are not taken live. */
export function needRestart(before: Config, after: Config): string[] {
  const sections = Object.keys(after) as (keyof Config)[];
  return sections.filter((name) => !LIVE.includes(name) && !isDeepStrictEqual(before[name], after[name]));
}

/** SIGHUP and `node.reload`. One after the other, each with the files as they are when its turn comes. */
export class Reloading {
  readonly #parts: Assembly;
  readonly #load: () => Promise<Config>;
  readonly #notify: Notify;
  readonly #loads = new Serial();

  constructor(parts: Assembly, load: () => Promise<Config>, notify: Notify) {
    this.#parts = parts;
    this.#load = load;
    this.#notify = notify;
  }

  /**
   * Throws config_invalid: then nothing has changed. Other errors leave it in force in part. Told in the log in any case, by an
   * event unless it is in part.
   */
  run(by?: EventActor): Promise<Reloaded> {
    return this.#loads.run(() => this.#told(by));
  }

  async #told(by: EventActor | undefined): Promise<Reloaded> {
    const { events, world } = this.#parts;
    this.#notify.reloading();
    try {
      const config = await this.#load().catch((error: unknown) => this.#rejected(error, by));
      const reloaded = await this.#take(config);
      const { restart, unmet } = reloaded;
      for (const { tenant, why } of unmet) world.log.warn({ tenant, why }, 'memory of a tenant cannot go down yet');
      events.append({ type: 'config.reloaded', data: { restart }, ...actorField(by) });
      world.log.info(
        { restart },
        restart.length === 0 ? 'configuration reloaded' : 'reloaded; a restart takes the rest',
      );
      return reloaded;
    } finally {
      this.#notify.ready();
    }
  }

  #rejected(error: unknown, by: EventActor | undefined): never {
    const { events, world } = this.#parts;
    const report = reportOf(error);
    events.append({ type: 'config.rejected', data: { ...report }, ...actorField(by) });
    world.log.error({ ...report }, 'the new configuration is not valid; the old one stays');
    throw error;
  }

  async #take(config: Config): Promise<Reloaded> {
    const { facts, governor, late, limits, observation, prediction, pressure, world } = this.#parts;
    const { density, tenant, licence } = config;
    world.density.setConfig({ ...world.config, density, tenant, licence });
    // Whoever has just raised a sysctl need not wait a minute for it.
    world.density.look();
    late.governor = config.governor;
    governor.configure(governorSettings(config.governor, facts.cpusOnline));
    try {
      await prediction.configure(density.prediction);
      const unmet = [...(await limits.reload())].map(([name, why]) => ({ tenant: name, why }));
      await pressure.configure(config.pressure);
      await observation.web.reload();
      return { restart: needRestart(world.config, config), unmet };
    } catch (error) {
      // The audit of each minute writes the limits of tenants again.
      world.log.error({ ...reportOf(error) }, 'the new configuration is in force, but for what has failed');
      throw error;
    }
  }
}
