// From configuration and host to the ledger's figures.
import type { Config } from '../config/schema.js';
import { parseSize } from '../workload/units.js';
import { Ledger, type Limits, type Quota } from './ledger.js';

export interface HostSize {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly addresses: number;
}

/** kubelet-like reserve where the configuration names none: 5 % of memory and 256 MiB. */
export function reservedMemory(config: Config, memoryBytes: number): number {
  return parseSize(config.density.reserved_memory) ?? Math.floor(memoryBytes * 0.05) + 256 * 2 ** 20;
}

/** What the host may promise: (capacity - reserve) x overcommit. Addresses and workloads are never overcommitted. */
export function hostLimits(config: Config, host: HostSize): Limits {
  const { density } = config;
  const cpu = Math.max(0, host.cores - density.reserved_cpu) * density.cpu_overcommit;
  const memory = Math.max(0, host.memoryBytes - reservedMemory(config, host.memoryBytes)) * density.memory_overcommit;
  return {
    workloads: { capacity: density.max_workloads, allocatable: density.max_workloads },
    cpu: { capacity: host.cores, allocatable: cpu },
    memory: { capacity: host.memoryBytes, allocatable: Math.floor(memory) },
    addresses: { capacity: host.addresses, allocatable: host.addresses },
  };
}

/** What one tenant may be promised under this configuration. */
export function quotaOf(config: Config, tenant: string): Quota {
  const own = config.tenant[tenant];
  const shared = config.density.max_workloads_per_tenant;
  const workloads = own?.workloads ?? (shared > 0 ? shared : undefined);
  const memory = own?.memory === undefined ? undefined : parseSize(own.memory);
  return {
    ...(workloads === undefined ? {} : { workloads }),
    ...(own?.cpu === undefined ? {} : { cpu: own.cpu }),
    ...(memory === undefined ? {} : { memory }),
  };
}

export function createLedger(config: Config, host: HostSize): Ledger {
  return new Ledger(hostLimits(config, host), (tenant) => quotaOf(config, tenant));
}
