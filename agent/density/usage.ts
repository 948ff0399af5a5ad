// What is in use as measured, for the host and by tenant: sums over the last samples, made anew at most every few seconds,
// whoever asks and however often.
import type { CapacityRow } from '../model/capacity.js';
import { indexOf } from '../model/dimensions.js';
import type { UsagePort } from './density.js';
import type { Ledger } from './ledger.js';

/** The part of a sample that counts here; absent: no such controller. */
export interface Measured {
  readonly cpu?: { readonly usageUsec: number };
  readonly memory?: { readonly current: number };
  readonly pids?: { readonly current: number };
}

export interface UsageSource {
  workloads(): Iterable<{ readonly id: string; readonly spec: { readonly tenant: string } }>;
  latest(id: string): Measured | undefined;
  /** /proc/meminfo. */
  memory(): ReadonlyMap<string, number>;
  /** Milliseconds, only rising. */
  now(): number;
}

interface Sums {
  cpu: number;
  memory: number;
  pids: number;
}

const FRESH_MS = 5000;
const MEMORY = indexOf('memory');

export class Usage implements UsagePort {
  readonly #source: UsageSource;
  readonly #ledger: Pick<Ledger, 'hold'>;
  #at = Number.NEGATIVE_INFINITY;
  #scopes: ReadonlyMap<string, Sums> = new Map();
  #cpu = new Map<string, number>();
  #hostMemory: number | undefined;

  constructor(source: UsageSource, ledger: Pick<Ledger, 'hold'>) {
    this.#source = source;
    this.#ledger = ledger;
  }

  used(scope: string, dimension: CapacityRow['dimension']): number | undefined {
    this.#refresh();
    if (scope === 'host' && dimension === 'memory') return this.#hostMemory;
    // Processes of the host itself count as well there: that is the ceiling's to say.
    if (scope === 'host' && dimension === 'pids') return undefined;
    if (dimension !== 'cpu' && dimension !== 'memory' && dimension !== 'pids') return undefined;
    return this.#scopes.get(scope)?.[dimension];
  }

  excess(id: string): number | undefined {
    const current = this.#source.latest(id)?.memory?.current;
    const promised = this.#ledger.hold(id)?.demand.amounts[MEMORY] ?? 0;
    return current === undefined || promised === 0 ? undefined : current / promised;
  }

  #refresh(): void {
    const now = this.#source.now();
    if (now - this.#at < FRESH_MS) return;
    const seconds = (now - this.#at) / 1000;
    const cpu = new Map<string, number>();
    const scopes = new Map<string, Sums>();
    for (const { id, spec } of this.#source.workloads()) {
      const measured = this.#source.latest(id);
      if (measured === undefined) continue;
      const before = this.#cpu.get(id);
      const usage = measured.cpu?.usageUsec;
      if (usage !== undefined) cpu.set(id, usage);
      // Of one that is new, or started again, nothing is known yet.
      const used = usage === undefined || before === undefined || usage < before ? 0 : (usage - before) / 1e6 / seconds;
      for (const scope of ['host', `tenant/${spec.tenant}`]) {
        const sums = scopes.get(scope) ?? { cpu: 0, memory: 0, pids: 0 };
        sums.cpu += used;
        sums.memory += measured.memory?.current ?? 0;
        sums.pids += measured.pids?.current ?? 0;
        scopes.set(scope, sums);
      }
    }
    const info = this.#source.memory();
    const [total, available] = [info.get('MemTotal'), info.get('MemAvailable')];
    this.#hostMemory = total === undefined || available === undefined ? undefined : total - available;
    [this.#at, this.#cpu, this.#scopes] = [now, cpu, scopes];
  }
}
