// From configuration and host to the governor's figures.
import { parseDuration } from '../../base/units.js';
import type { GovernorConfig } from '../../config/governor.js';
import type { GovernorSettings } from './types.js';

/** Seconds of the usual rate that may queue before new workloads are refused. */
const QUEUE_SECONDS = 60;

export function governorSettings(config: GovernorConfig, cores: number): GovernorSettings {
  const rate = config.rate * cores;
  const ceiling = config.ceiling * cores;
  const ms = (text: string) => parseDuration(text) ?? 0;
  return {
    enabled: config.enabled,
    rate,
    ceiling,
    floor: config.floor * cores,
    burst: config.burst > 0 ? config.burst : Math.max(1, Math.floor(rate)),
    inFlight: config.in_flight > 0 ? config.in_flight : Math.max(2, Math.floor(cores / 2)),
    settleMs: ms(config.settle),
    maxQueue: config.max_queue > 0 ? config.max_queue : Math.ceil(rate * QUEUE_SECONDS),
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
