// The scopes that have a ladder, from the workloads that there are: the host, every tenant, every workload. The most
// important come first, which is the order in which they get triggers and decide.
import type { PressureConfig } from '../config/pressure.js';
import { calm } from './ladder.js';
import { NO_STALL } from './rates.js';
import type { Stall } from './reading.js';
import { type LadderSettings, ladderSettings } from './settings.js';
import type { Wanted } from './triggers.js';
import type { LadderState, Resource, ScopeName, Target } from './types.js';

export interface ScopeOf {
  /** `host memory` */
  readonly key: string;
  readonly scope: ScopeName;
  readonly resource: Resource;
  readonly place: 'host' | { readonly dir: string };
}

/** A scope and resource with its state. The engine alone changes it. */
export interface Ladder extends ScopeOf {
  readonly settings: LadderSettings;
  state: LadderState;
  /** Total stall as last read, microseconds. */
  totals: (Stall & { readonly at: number }) | undefined;
  /** As last measured. */
  stall: Stall;
  /** Of triggers that have fired since. */
  fired: Stall;
  /** It is looked at until then, whatever it shows. */
  until: number;
  /** Its actions are under way. */
  busy: boolean;
  /** `kill ID` that the hook has put off; it may once. */
  readonly vetoed: Set<string>;
}

const HOST: readonly Resource[] = ['memory', 'io', 'cpu'];

export function keyOf(scope: ScopeName, resource: Resource): string {
  return `${scope} ${resource}`;
}

export function* scopesOf(targets: readonly Target[]): Generator<ScopeOf, void, void> {
  for (const resource of HOST) yield scope('host', resource, 'host');
  const tenants = new Map(targets.map(({ tenant, tenantDir }) => [tenant, tenantDir]));
  for (const [tenant, dir] of tenants) yield scope(`tenant/${tenant}`, 'memory', { dir });
  for (const { id, dir } of targets) yield scope(`workload/${id}`, 'memory', { dir });
}

function scope(name: ScopeName, resource: Resource, place: ScopeOf['place']): ScopeOf {
  return { key: keyOf(name, resource), scope: name, resource, place };
}

/** Undefined: the configuration has no thresholds for it. */
export function newLadder(of: ScopeOf, config: PressureConfig, now: number): Ladder | undefined {
  const settings = ladderSettings(config, of.scope, of.resource);
  const { warn, act } = settings.thresholds;
  if (warn === undefined && act === undefined) return undefined;
  return {
    ...{ ...of, settings, state: calm(now), totals: undefined, stall: NO_STALL, fired: NO_STALL },
    ...{ until: 0, busy: false, vetoed: new Set() },
  };
}

export function membersOf(scope: ScopeName, targets: readonly Target[]): readonly Target[] {
  if (scope === 'host') return targets;
  const name = scope.slice(scope.indexOf('/') + 1);
  return targets.filter(({ id, tenant }) => (scope.startsWith('tenant/') ? tenant : id) === name);
}

/** One for each threshold: a stall that is no `some` of one kind may well be a `full` of another. */
export function wantedOf({ key, settings: { thresholds } }: Ladder, file: string): Wanted[] {
  const all = [thresholds.warn, thresholds.act];
  return all.flatMap((threshold) => (threshold === undefined ? [] : [{ key, file, threshold }]));
}
