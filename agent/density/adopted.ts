// Workloads of other engines in the ledger: they hold their limits, and where they have none their use with a margin. What they
// have is counted for the host and for their tenant; nothing of it is refused, because it runs already.
import { sliced } from '../../linux/sliced.js';
import type { AdoptedWorkload } from '../model/adopted.js';
import { indexOf, type Vector, vector } from '../model/dimensions.js';
import type { Demand, PerWorkload } from './demand.js';
import type { Ledger } from './ledger.js';

/** As measured; absent: not known yet. Cores, bytes, processes. */
export interface AdoptedUse {
  readonly cpu?: number;
  readonly memory?: number;
  readonly pids?: number;
}

/** What comes on top of use: what has no limit grows. */
const MARGIN = 1.25;
/** Steps of what is counted of use, so that it does not change at each look. */
const CPU_STEP = 10;
const MEMORY_STEP = 16 << 20;
const PIDS_STEP = 16;
/** No id of a workload has a slash. */
const PREFIX = 'engine/';

/** In the ledger; of a workload of berth never. */
export function holdOf({ engine, id }: Pick<AdoptedWorkload, 'engine' | 'id'>): string {
  return `${PREFIX}${engine}/${id}`;
}

export function isAdopted(hold: string): boolean {
  return hold.startsWith(PREFIX);
}

export interface AdoptedSize {
  /** What counts where neither a limit nor use is known. */
  readonly per: PerWorkload;
  /** Of the host. */
  readonly capacity: Vector;
}

export function adoptedDemand(
  { engine, tenant, limits }: AdoptedWorkload,
  use: AdoptedUse,
  { per, capacity }: AdoptedSize,
): Demand {
  const used = (amount: number | undefined, step: number, unknown: number): number =>
    amount === undefined ? unknown : Math.ceil((amount * MARGIN) / step) * step;
  const millis = use.cpu === undefined ? undefined : use.cpu * 1000;
  const limit = limits.cpu === null ? null : Math.ceil(limits.cpu * 1000 - 1e-6);
  // A limit above what the host has limits nothing. Held, it would leave no room for any other workload.
  const held = (name: 'cpu' | 'memory' | 'pids', most: number | null, otherwise: number): number => {
    const all = capacity[indexOf(name)] ?? Number.POSITIVE_INFINITY;
    return Math.min(all, most !== null && most <= all ? most : otherwise);
  };
  // The agent keeps open what it measures.
  const isRead = use.memory !== undefined || use.pids !== undefined;
  return {
    ...{ tenant, kind: `engine/${engine}`, class: 'burstable', priority: 0, overhead: 0, extras: [] },
    amounts: vector({
      ...{ workloads: 1, cgroups: 1, fds: isRead ? per.fds : 0 },
      cpu: held('cpu', limit, used(millis, CPU_STEP, per.cpu * 1000)),
      memory: held('memory', limits.memory, used(use.memory, MEMORY_STEP, per.memory)),
      pids: held('pids', limits.pids, used(use.pids, PIDS_STEP, per.pids)),
    }),
  };
}

export class AdoptedHolds {
  readonly #ledger: Pick<Ledger, 'hold' | 'commit' | 'release' | 'limits'>;
  #holds = new Set<string>();

  constructor(ledger: Pick<Ledger, 'hold' | 'commit' | 'release' | 'limits'>) {
    this.#ledger = ledger;
  }

  /**
   * What runs now, and nothing else, is in the ledger. `sandboxes`, by hold: who holds a share for it already, so that only
   * what goes beyond that share is added. Of two calls at once the later list holds.
   */
  async set(
    workloads: readonly AdoptedWorkload[],
    useOf: (workload: AdoptedWorkload) => AdoptedUse,
    per: PerWorkload,
    sandboxes: ReadonlyMap<string, string> = new Map(),
  ): Promise<void> {
    const shares = new Map<string, Vector>();
    const shareOf = (sandbox: string): Vector | undefined => {
      const share = shares.get(sandbox) ?? this.#ledger.hold(sandbox)?.demand.amounts.slice();
      if (share !== undefined) shares.set(sandbox, share);
      return share;
    };
    const counted = workloads.filter(({ within }) => within === null);
    const gone = this.#holds;
    const now = new Set(counted.map(holdOf));
    this.#holds = now;
    for (const hold of gone) if (!now.has(hold)) this.#ledger.release(hold);
    for await (const workload of sliced(counted)) {
      // A later list has taken over.
      if (this.#holds !== now) return;
      const hold = holdOf(workload);
      const { capacity } = this.#ledger.limits.host;
      const whole = adoptedDemand(workload, useOf(workload), { per, capacity });
      const sandbox = sandboxes.get(hold);
      const share = sandbox === undefined ? undefined : shareOf(sandbox);
      const demand = share === undefined ? whole : beyond(whole, share);
      const before = this.#ledger.hold(hold)?.demand;
      if (before === undefined || !isSame(before, demand)) this.#ledger.commit(hold, demand);
    }
  }
}

/** What a sandbox has for whoever joins it. */
const SHARED = (['workloads', 'cpu', 'memory', 'pids'] as const).map(indexOf);

/** What is left of the demand after the share, and in `share` what is left of that for others. */
function beyond(demand: Demand, share: Vector): Demand {
  const amounts = demand.amounts.slice();
  for (const at of SHARED) {
    const covered = Math.min(amounts[at] ?? 0, share[at] ?? 0);
    amounts[at] = (amounts[at] ?? 0) - covered;
    share[at] = (share[at] ?? 0) - covered;
  }
  return { ...demand, amounts };
}

function isSame(a: Demand, b: Demand): boolean {
  return a.tenant === b.tenant && a.amounts.every((amount, at) => amount === b.amounts[at]);
}
