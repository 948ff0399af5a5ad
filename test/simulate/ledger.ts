// The real ledger behind the little that a simulated host asks of it.
import type { Config } from '../../agent/config/schema.js';
import type { Demand } from '../../agent/density/demand.js';
import { vector } from '../../agent/density/dimensions.js';
import { createLedger } from '../../agent/density/policy.js';

export interface Share {
  readonly tenant: string;
  readonly cpu: number;
  readonly memory: number;
}

export interface LedgerPort {
  /** Dimensions that are in the way; none: it fits. */
  refusals(id: string, share: Share): readonly string[];
  commit(id: string, share: Share): void;
  release(id: string): void;
  /** Cores promised. */
  committedCpu(): number;
}

export interface HostSize {
  readonly cores: number;
  readonly memoryBytes: number;
}

export function realLedger(config: Config, size: HostSize): LedgerPort {
  const ledger = createLedger(config, { ...size, addresses: 65_534 });
  const demand = ({ tenant, cpu, memory }: Share): Demand => ({
    ...{ tenant, kind: 'exec', class: 'burstable', priority: 100, extras: [] },
    amounts: vector({ workloads: 1, cpu: Math.ceil(cpu * 1000 - 1e-6), memory: Math.ceil(memory), addresses: 1 }),
  });
  return {
    refusals: (id, share) => [...new Set(ledger.check(id, demand(share)).map(({ dimension }) => dimension))],
    commit: (id, share) => ledger.commit(id, demand(share)),
    release: (id) => ledger.release(id),
    committedCpu: () => ledger.rows().find((row) => row.scope === 'host' && row.dimension === 'cpu')?.committed ?? 0,
  };
}
