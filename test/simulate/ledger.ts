// The real density room behind the little that a simulated host asks of it: ledger, tenants and windows, no kernel.
import type { Config } from '../../agent/config/schema.js';
import type { Demand } from '../../agent/density/demand.js';
import { Density } from '../../agent/density/density.js';
import { vector } from '../../agent/model/dimensions.js';

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

/** The first moment of a trace: a Monday, midnight UTC. Windows of a policy open and close by it. */
export const EPOCH = Date.UTC(2026, 0, 5);

/** `now`: milliseconds since the first moment. Nothing is read or written: what would be durable is never asked for. */
export function realLedger(config: Config, size: HostSize, now: () => number): LedgerPort {
  const density = new Density({
    ...{ config, host: { ...size, addresses: 65_534 }, bootId: 'simulated' },
    clock: { wall: () => EPOCH + now(), boot: now },
    onEvent: () => undefined,
    onDamaged: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  const demand = ({ tenant, cpu, memory }: Share): Demand => ({
    ...{ tenant, kind: 'exec', class: 'burstable', priority: 100, overhead: 0, extras: [] },
    amounts: vector({ workloads: 1, cpu: Math.ceil(cpu * 1000 - 1e-6), memory: Math.ceil(memory), addresses: 1 }),
  });
  return {
    refusals: (id, share) => {
      density.upToDate();
      return [...new Set(density.ledger.check(id, demand(share)).map(({ dimension }) => dimension))];
    },
    commit: (id, share) => density.commit(id, demand(share)),
    release: (id) => density.release(id),
    committedCpu: () => density.rows().find((row) => row.scope === 'host' && row.dimension === 'cpu')?.committed ?? 0,
  };
}
