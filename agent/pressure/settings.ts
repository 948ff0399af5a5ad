// Section [pressure] with its durations in milliseconds and its sizes in bytes.
import { parseDuration, parseSize } from '../base/units.js';
import type { PressureConfig } from '../config/pressure.js';
import type { Resource, ScopeName, Step, WorkloadClass } from './types.js';

/** A stall of one kind from which on a level is reached, ms per second; undefined: never. */
export interface Threshold {
  readonly kind: 'some' | 'full';
  readonly stall: number;
}

export interface Thresholds {
  readonly warn: Threshold | undefined;
  readonly act: Threshold | undefined;
}

/** What the ladder of one scope and resource goes by. */
export interface LadderSettings {
  readonly scope: ScopeName;
  readonly resource: Resource;
  readonly thresholds: Thresholds;
  readonly steps: ReadonlySet<Step>;
  readonly spare: ReadonlySet<WorkloadClass>;
  readonly release: number;
  readonly releaseAfterMs: number;
  readonly coolDownMs: number;
  readonly afterKillMs: number;
  readonly freezeAfterMs: number;
  readonly freezeMaxMs: number;
  readonly killAfterMs: number;
  /** Bytes of `total` below which memory of the host counts as gone. */
  minAvailable(total: number): number;
}

const ms = (text: string): number => parseDuration(text) ?? 0;

export function ladderSettings(config: PressureConfig, scope: ScopeName, resource: Resource): LadderSettings {
  const { cooldown, steps: all } = config;
  const steps = scope === 'host' ? all : all.filter((step) => part(config, scope).steps.includes(step));
  return {
    scope,
    resource,
    thresholds: thresholdsOf(config, scope, resource),
    steps: new Set(steps),
    spare: new Set(config.spare),
    release: config.release,
    releaseAfterMs: ms(config.release_after),
    coolDownMs: ms(cooldown[resource]),
    afterKillMs: ms(cooldown.kill),
    freezeAfterMs: ms(config.freeze_after),
    freezeMaxMs: ms(config.freeze_max),
    killAfterMs: ms(config.kill_after),
    minAvailable: (total) => minAvailable(config.min_available, total),
  };
}

export function thresholdsOf(config: PressureConfig, scope: ScopeName, resource: Resource): Thresholds {
  const { host } = config;
  const memory = scope === 'host' ? host : part(config, scope);
  if (resource === 'memory')
    return { warn: threshold('some', memory.memory_some), act: threshold('full', memory.memory_full) };
  if (scope !== 'host') return { warn: undefined, act: undefined };
  return {
    warn: undefined,
    act: resource === 'io' ? threshold('full', host.io_full) : threshold('some', host.cpu_some),
  };
}

function part(config: PressureConfig, scope: ScopeName): PressureConfig['tenant'] {
  return scope.startsWith('tenant/') ? config.tenant : config.workload;
}

function threshold(kind: Threshold['kind'], text: string): Threshold | undefined {
  const stall = ms(text);
  return stall === 0 ? undefined : { kind, stall };
}

function minAvailable(text: string, total: number): number {
  if (text === '') return Math.min(total * 0.04, 2 ** 30);
  if (text.endsWith('%')) return (total * Number.parseFloat(text)) / 100;
  return parseSize(text) ?? 0;
}
