// Workloads of other engines are sampled by the reader and the sampler of our own, from their cgroups, and only read.
import { CgroupReader, sampleBuffer } from '../../../cgroups/stats.js';
import type { CgroupStats } from '../../../cgroups/types.js';
import { defined } from '../../../linux/defined.js';
import { holdOf } from '../../density/adopted.js';
import type { Measured } from '../../discovery/engines/advice.js';
import { ADOPTED_FAMILIES } from '../../metrics/adopted-families.js';
import { namesOfAdopted } from '../../metrics/cadvisor/names.js';
import type { CadvisorPage } from '../../metrics/cadvisor/page.js';
import { Page } from '../../metrics/page.js';
import { Rollup } from '../../metrics/rollup.js';
import { type Mirror, type Sampled, Sampler } from '../../metrics/sampler.js';
import type { WorkloadSample } from '../../metrics/workload-families.js';
import type { AdoptedWorkload } from '../../model/adopted.js';

export interface AdoptedSamplesOptions {
  readonly intervalMs: number;
  /** For all pages together. */
  readonly maxSeries: number;
  /** On the other pages. */
  readonly ownSeries: () => number;
  readonly mostReaders?: number;
  /** Undefined: it is off. */
  readonly cadvisor?: CadvisorPage | undefined;
  /** Undefined: its cgroup is not known. */
  readonly directory: (workload: AdoptedWorkload) => string | undefined;
  readonly onError: (error: unknown, id: string | undefined) => void;
}

/** What cpu was used is measured over at least so long: a burst of a second is no use that lasts. */
const AVERAGE_MS = 30_000;
const MAX_TENANTS = 1000;
/** Others start as many as they like: most of the budget stays for our own. */
const SHARE = 1 / 4;
/** Each has some 25 descriptors of the agent. */
const MOST_READERS = 1000;

interface Entry {
  readonly workload: AdoptedWorkload;
  /** The same as long as the workload is: the sampler knows by it that nothing has changed. */
  readonly sampled: Sampled;
}

type CpuStats = NonNullable<CgroupStats['cpu']>;

/** What the cpu was used for since the measurement before, and the counters as they were at this one. */
interface CpuUse extends Pick<Measured, 'cpu' | 'throttled'> {
  readonly at: number;
  readonly stats: CpuStats;
}

export class AdoptedSamples {
  readonly page: Page<WorkloadSample>;
  readonly #options: AdoptedSamplesOptions;
  readonly #sampler: Sampler;
  readonly #readers = new Map<string, CgroupReader>();
  readonly #buffer = sampleBuffer();
  #entries = new Map<string, Entry>();
  #measured = new Map<string, CpuUse>();

  constructor(options: AdoptedSamplesOptions) {
    const { intervalMs, maxSeries, ownSeries, cadvisor, onError } = options;
    this.#options = options;
    const most = (): number => Math.min(Math.floor(maxSeries * SHARE), maxSeries - ownSeries());
    this.page = new Page<WorkloadSample>(ADOPTED_FAMILIES, { maxSeries: most });
    this.#sampler = new Sampler({
      ...{ intervalMs, onError, page: this.page, rollup: new Rollup({ maxTenants: MAX_TENANTS }) },
      labels: ({ id, spec }) => {
        const { engine, name } = this.#entries.get(id)?.workload ?? {};
        return { common: { workload: name ?? '', tenant: spec.tenant, engine: engine ?? '' } };
      },
      mirror: cadvisor === undefined ? undefined : this.#mirror(cadvisor),
      source: {
        workloads: () => [...this.#entries.values()].map(({ sampled }) => sampled),
        has: (id) => this.#entries.has(id),
        readStats: (id) => this.#read(id),
        ksmProfit: () => undefined,
        vm: () => undefined,
        ready: () => undefined,
        readLinks: async () => [],
        readDrops: async () => [],
      },
    });
  }

  start(): void {
    this.#sampler.start();
  }

  /** One sample of everything. */
  sample(): Promise<void> {
    return this.#sampler.sample();
  }

  async stop(): Promise<void> {
    await this.#sampler.stop();
    for (const reader of this.#readers.values()) reader.close();
  }

  /** What runs now. One whose cgroup is not known has no series. */
  set(workloads: readonly AdoptedWorkload[]): void {
    const entries = new Map<string, Entry>();
    for (const workload of workloads) {
      if (workload.cgroup === null) continue;
      const id = holdOf(workload);
      const known = this.#entries.get(id);
      const same = known?.workload.tenant === workload.tenant && known.workload.name === workload.name;
      entries.set(id, { workload, sampled: same && known !== undefined ? known.sampled : sampledOf(id, workload) });
    }
    for (const [id, reader] of this.#readers)
      if (!entries.has(id)) {
        reader.close();
        this.#readers.delete(id);
        this.#sampler.forget(id);
      }
    this.#measured = new Map([...this.#measured].filter(([id]) => entries.has(id)));
    this.#entries = entries;
  }

  /** As of the last sample. */
  use(workload: AdoptedWorkload): Measured {
    const id = holdOf(workload);
    const latest = this.#sampler.latest(id);
    const { cpu: counters, memory, pids } = latest?.stats ?? {};
    const { cpu, throttled } = counters === undefined ? {} : this.#cpuUse(id, counters, latest?.at ?? 0);
    return defined({ cpu, throttled, memory: memory?.current, pids: pids?.current });
  }

  #mirror(cadvisor: CadvisorPage): Mirror {
    return {
      put: ({ id }, latest) => {
        const workload = this.#entries.get(id)?.workload;
        const names = workload === undefined ? undefined : namesOfAdopted(workload);
        if (names !== undefined) cadvisor.put(id, names, latest);
      },
      forget: (id) => cadvisor.forget(id),
    };
  }

  #cpuUse(id: string, stats: CpuStats, at: number): Pick<Measured, 'cpu' | 'throttled'> {
    const before = this.#measured.get(id);
    if (before !== undefined && at - before.at < AVERAGE_MS) return before;
    // Started again under the same id it counts from zero.
    const use = before === undefined || stats.usageUsec < before.stats.usageUsec ? {} : between(before, stats, at);
    this.#measured.set(id, { ...use, at, stats });
    return use;
  }

  #read(id: string): ReturnType<CgroupReader['read']> {
    const workload = this.#entries.get(id)?.workload;
    const directory = workload === undefined ? undefined : this.#options.directory(workload);
    if (directory === undefined) return undefined;
    const known = this.#readers.get(id);
    if (known === undefined && this.#readers.size >= (this.#options.mostReaders ?? MOST_READERS)) return undefined;
    const reader = known?.dir === directory ? known : new CgroupReader(directory, this.#buffer);
    if (known !== reader) known?.close();
    const stats = reader.read({ at: performance.now() });
    if (stats === undefined) this.#readers.delete(id);
    else this.#readers.set(id, reader);
    return stats;
  }
}

function between({ at: since, stats: before }: CpuUse, now: CpuStats, at: number): Pick<Measured, 'cpu' | 'throttled'> {
  const periods = now.periods - before.periods;
  return {
    cpu: (now.usageUsec - before.usageUsec) / 1000 / (at - since),
    throttled: periods <= 0 ? 0 : (now.throttledPeriods - before.throttledPeriods) / periods,
  };
}

/** In the words of the sampler; the page shows its labels instead. */
function sampledOf(id: string, { tenant }: AdoptedWorkload): Sampled {
  return {
    ...{ id, state: 'running', restarts: 0, process: null },
    sandbox: { hostLink: null, address: null, baseline: null },
    spec: { tenant, driver: 'external', class: 'burstable' },
  };
}
