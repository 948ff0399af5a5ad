// From configuration and host to the governor's figures.
import { parseDuration } from '../../base/units.js';
import type { GovernorConfig } from '../../config/governor.js';
import type { GovernorSettings } from './types.js';

/** For each core, where the configuration says 0. */
const PER_CORE = { settling: 32, queue: 500 };

export function governorSettings(config: GovernorConfig, cores: number): GovernorSettings {
  const ms = (text: string) => parseDuration(text) ?? 0;
  return {
    ...{ enabled: config.enabled, cores },
    maxSettling: config.max_settling > 0 ? config.max_settling : cores * PER_CORE.settling,
    settleTimeoutMs: ms(config.settle_timeout),
    maxQueue: config.max_queue > 0 ? config.max_queue : cores * PER_CORE.queue,
    maxWaitMs: ms(config.max_wait),
    limits: {
      cpu: config.cpu_pressure,
      io: config.io_pressure,
      memory: config.memory_pressure,
      network: ms(config.network_latency),
      start: config.start_latency_factor,
    },
  };
}
