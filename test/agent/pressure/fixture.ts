// Workloads, readings and settings for tests of the ladder.
import { pressureSchema } from '../../../agent/config/pressure.js';
import { type LadderSettings, ladderSettings } from '../../../agent/pressure/settings.js';
import type { Candidate, Reading, Resource, ScopeName, Target, Usage } from '../../../agent/pressure/types.js';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

export function config(section: object = {}) {
  // What is tested is what the ladder does; that a dry run only tells has tests of its own.
  return pressureSchema.parse({ mode: 'enforce', ...section });
}

export function settings(
  section: object = {},
  scope: ScopeName = 'host',
  resource: Resource = 'memory',
): LadderSettings {
  return ladderSettings(config(section), scope, resource);
}

export function target(id: string, more: Partial<Target> = {}): Target {
  return {
    ...{ id, tenant: 'acme', class: 'burstable', priority: 100, dir: `/none/acme/${id}`, tenantDir: '/none/acme' },
    ...{ request: { cpu: 0.1, memory: 64 * MIB }, limit: { cpu: null, memory: null, io: false, burst: false } },
    ...{ idle: false, memoryHigh: null, frozen: false, canBalloon: false },
    ...more,
  };
}

export function candidate(id: string, more: Partial<Target> = {}, usage: Partial<Usage> = {}): Candidate {
  return {
    ...target(id, more),
    usage: {
      ...{ memory: 256 * MIB, growth: 0, reclaimable: 0, cpu: 0, io: 0, some: 0, full: 0, selfLimited: false },
      ...usage,
    },
  };
}

/** Of a host with 4 GiB, half of them available. */
export function reading(stall: Partial<Pick<Reading, 'some' | 'full'>> = {}, more: Partial<Reading> = {}): Reading {
  const { some = 0, full = 0 } = stall;
  return {
    ...{ some, full, felt: { some, full }, available: { bytes: 2 * GIB, total: 4 * GIB } },
    ...{ memory: 2 * GIB, cores: 4, ioWeight: true },
    ...more,
  };
}

/** At level act for memory. */
export const HEAVY = reading({ some: 600, full: 400 });
export const CALM = reading();
