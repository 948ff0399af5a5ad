// SIGHUP: quotas, limits of tenants, ratios and reserves of a new configuration are taken at once; the rest waits for a restart, and is named.
import { isDeepStrictEqual } from 'node:util';
import type { Assembly } from './assembly/assembly.js';
import type { Config } from './config/schema.js';
import { governorSettings } from './density/governor/settings.js';
import { reportOf } from './errors.js';

/** Sections whose change is taken without a restart. */
const LIVE: readonly (keyof Config)[] = ['density', 'tenant', 'licence', 'governor', 'pressure'];

/** Sections that differ and are not taken live. */
export function needRestart(before: Config, after: Config): string[] {
  const sections = Object.keys(after) as (keyof Config)[];
  return sections.filter((name) => !LIVE.includes(name) && !isDeepStrictEqual(before[name], after[name]));
}

/** A configuration that cannot be read changes nothing, and says so. */
export async function reload(parts: Assembly, load: () => Promise<Config>): Promise<void> {
  const { events, facts, governor, limits, prediction, pressure, world } = parts;
  try {
    const config = await load();
    const { density, tenant, licence } = config;
    world.density.setConfig({ ...world.config, density, tenant, licence });
    // Whoever has just raised a sysctl need not wait a minute for it.
    world.density.look();
    governor.configure(governorSettings(config.governor, facts.cpusOnline));
    await prediction.configure(density.prediction);
    const refused = await limits.reload();
    for (const [tenant, why] of refused) world.log.warn({ tenant, why }, 'memory of a tenant cannot go down yet');
    await pressure.configure(config.pressure);
    const restart = needRestart(world.config, config);
    events.append({ type: 'config.reloaded', data: { restart } });
    world.log.info({ restart }, restart.length === 0 ? 'configuration reloaded' : 'reloaded; a restart takes the rest');
  } catch (error) {
    const report = reportOf(error);
    events.append({ type: 'config.rejected', data: { ...report } });
    world.log.error({ ...report }, 'the new configuration is not valid; the old one stays');
  }
}
