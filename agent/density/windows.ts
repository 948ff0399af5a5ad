// Times in which other figures count. Level-triggered: the question is always which windows are open at this moment, never
// what has happened since, so a clock that was set, a sleeping host or a restarted agent change nothing.
import { type Cron, cronOf } from '../base/cron.js';
import { parseDuration } from '../base/units.js';
import type { DensityConfig, WindowConfig } from '../config/density.js';
import { fromConfig } from './tenant-settings.js';
import type { Overlay } from './tenants.js';

export interface WindowState {
  readonly name: string;
  readonly active: boolean;
  /** Of the window that is open, or of the next one. Unix milliseconds; null: there is none in sight. */
  readonly from: number | null;
  readonly until: number | null;
  /** What it changes, dotted keys of section [density]. */
  readonly changes: Readonly<Record<string, number | string>>;
}

interface Entry {
  readonly config: WindowConfig;
  readonly cron: Cron;
  readonly duration: number;
}

type Change = Partial<
  Pick<DensityConfig, 'max_workloads' | 'cpu_overcommit' | 'memory_overcommit' | 'reserved_cpu' | 'reserved_memory'>
>;

export class Windows {
  readonly #entries: readonly Entry[];
  /** What is known to hold for [from, until). */
  #known: { readonly from: number; readonly until: number; readonly states: readonly WindowState[] } | undefined;

  constructor(configs: readonly WindowConfig[]) {
    this.#entries = configs.map((config) => ({
      config,
      cron: cronOf(config.cron, config.timezone),
      duration: parseDuration(config.duration) ?? 0,
    }));
  }

  /** Cheap unless a window has opened or closed since the last call, or the clock was set. */
  at(now: number): readonly WindowState[] {
    const known = this.#known;
    if (known !== undefined && now >= known.from && now < known.until) return known.states;
    const states = this.#entries.map((entry) => stateOf(entry, now));
    const turns = states.flatMap(({ active, from, until }) => (active ? [until] : [from])).filter((at) => at !== null);
    this.#known = { from: now, until: Math.min(...turns, Number.POSITIVE_INFINITY), states };
    return states;
  }

  /** The configuration as it counts at `now`, later windows over earlier ones; and what they say of tenants. */
  apply(density: DensityConfig, now: number): { readonly density: DensityConfig; readonly tenants: Overlay } {
    const open = new Set(this.at(now).flatMap(({ name, active }) => (active ? [name] : [])));
    if (open.size === 0) return { density, tenants: new Map() };
    let changed = density;
    const tenants = new Map<string, Overlay extends ReadonlyMap<string, infer V> ? V : never>();
    for (const { config } of this.#entries) {
      if (!open.has(config.name)) continue;
      changed = { ...changed, ...changeOf(config) };
      for (const [name, quota] of Object.entries(config.tenant))
        tenants.set(name, { ...tenants.get(name), ...fromConfig(quota).quota });
    }
    return { density: changed, tenants };
  }
}

function stateOf({ config, cron, duration }: Entry, now: number): WindowState {
  const begun = cron.last(now - duration, now);
  const from = begun ?? cron.next(now) ?? null;
  const changes: Record<string, number | string> = { ...changeOf(config) };
  for (const [tenant, quota] of Object.entries(config.tenant))
    for (const [dimension, value] of Object.entries(quota))
      if (value !== undefined) changes[`tenant.${tenant}.${dimension}`] = value;
  return {
    name: config.name,
    active: begun !== undefined,
    from,
    until: from === null ? null : from + duration,
    changes,
  };
}

function changeOf(config: WindowConfig): Change {
  const { max_workloads, cpu_overcommit, memory_overcommit, reserved_cpu, reserved_memory } = config;
  const change = { max_workloads, cpu_overcommit, memory_overcommit, reserved_cpu, reserved_memory };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Change;
}
