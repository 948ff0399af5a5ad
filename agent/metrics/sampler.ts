// Reads all workloads at a fixed pace and patches the page, in slices: the main loop gets a turn at least every few
// milliseconds, and a scrape never waits for the kernel.
import type { CgroupStats } from '../../cgroups/types.js';
import { sliced } from '../../linux/sliced.js';
import { after, type Timer } from '../../linux/timers.js';
import type { Drops, LinkStats } from '../../netns/types.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Labels, Page } from './page.js';
import type { Rollup } from './rollup.js';
import type { VmSample } from './vms.js';
import type { WorkloadSample } from './workload-families.js';

/** What the sampler needs of a record; a WorkloadRecord and a WorkloadView are both one. */
export type Sampled = Pick<WorkloadRecord, 'id' | 'state' | 'restarts'> & {
  readonly process: { readonly startedAt: number } | null;
  readonly sandbox: Pick<WorkloadRecord['sandbox'], 'hostLink' | 'address' | 'baseline'>;
  readonly spec: Pick<WorkloadRecord['spec'], 'tenant' | 'driver' | 'class'>;
};

export interface SampleSource {
  /** A round of samples begins. */
  begin?(): void;
  workloads(): Iterable<Sampled>;
  /** Whether it is still there: a round gives the loop its turn, and a workload may be deleted meanwhile. */
  has(id: string): boolean;
  /** One reading of the workload's cgroup; undefined when it has none. */
  readStats(id: string): CgroupStats | undefined;
  /** Bytes that merging of its pages saves, as last read; undefined when it has not asked for that. */
  ksmProfit(id: string): number | undefined;
  /** Undefined: it is no virtual machine. */
  vm(id: string): VmSample | undefined;
  ready(id: string): boolean | undefined;
  /** All links of workloads on the host, in one dump. */
  readLinks(): Promise<readonly LinkStats[]>;
  /** What the packet filter has dropped, of links that it has dropped something of. */
  readDrops(): Promise<readonly Drops[]>;
}

/** Beside the page: is told of each sample of what has a cgroup, also when nothing has changed. */
export interface Mirror {
  put(workload: Sampled, latest: Latest): void;
  /** Its cgroup is gone, or the workload itself. Repeated as long as it is so. */
  forget(id: string): void;
}

export interface SamplerOptions {
  readonly source: SampleSource;
  readonly page: Page<WorkloadSample>;
  readonly rollup: Rollup;
  readonly mirror?: Mirror | undefined;
  readonly intervalMs: number;
  /** Of a workload on the page; default: workload, tenant and driver, and of its own state, class and address. */
  readonly labels?: (workload: Sampled) => Labels;
  /** What was read of a workload's cgroup. */
  readonly onSample?: (id: string, stats: CgroupStats) => void;
  /** It is as it was in the two samples before: nothing ran, nothing was sent. Then `onSample` is not called. */
  readonly onQuiet?: (id: string) => void;
  /** A sample of all is finished. */
  readonly onRound?: () => void;
  /** Told of every failed reading; the last values stay. */
  readonly onError?: (error: unknown, id: string | undefined) => void;
}

/** A sample and the moment it was taken, in ms of `performance.now()`. */
export interface Latest extends WorkloadSample {
  readonly at: number;
}

/** Two samples in a row of what ran all the while: what it used between them. */
export interface Interval {
  readonly before: Latest;
  readonly latest: Latest;
}

interface Known {
  /** As it was when it was looked at last. */
  of: Sampled;
  latest: { -readonly [K in keyof Latest]: Latest[K] };
  /** Undefined: the last reading found no cgroup, or was the first. */
  before: Latest | undefined;
  labels: string;
}

export class Sampler {
  readonly #options: SamplerOptions;
  readonly #known = new Map<string, Known>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;
  #ticks = 0;
  #errors = 0;
  #finishedAt: number | undefined;
  #durationMs = 0;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** Takes a sample at once and then one every interval. One that takes longer than the interval delays the next. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#loop(performance.now());
  }

  /** Resolves when no reading is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** One sample of everything; while one is under way, that one. Never rejects. */
  sample(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  latest(id: string): Latest | undefined {
    return this.#known.get(id)?.latest;
  }

  interval(id: string): Interval | undefined {
    const { latest, before } = this.#known.get(id) ?? {};
    return latest === undefined || before === undefined ? undefined : { latest, before };
  }

  /** Takes a deleted workload off the page without waiting for the next sample. */
  forget(id: string): void {
    this.#known.delete(id);
    this.#options.page.remove(id);
    this.#options.mirror?.forget(id);
  }

  /** Finished samples so far. */
  get ticks(): number {
    return this.#ticks;
  }

  /** Age of the last finished sample and how long it took, in seconds; null before the first. Failed readings. */
  health(): { readonly age: number | null; readonly duration: number; readonly errors: number } {
    const ms = this.ageMs();
    return { age: ms === null ? null : ms / 1000, duration: this.#durationMs / 1000, errors: this.#errors };
  }

  /** Of the last finished sample; null before the first. */
  ageMs(): number | null {
    return this.#finishedAt === undefined ? null : Math.round(performance.now() - this.#finishedAt);
  }

  #loop(due: number): void {
    void this.sample().then(() => {
      if (this.#stopped) return;
      const { intervalMs } = this.#options;
      const now = performance.now();
      const missed = Math.max(0, Math.floor((now - due) / intervalMs));
      const next = due + (missed + 1) * intervalMs;
      this.#timer = after(next - now, () => this.#loop(next)).unref();
    });
  }

  async #round(): Promise<void> {
    const startedAt = performance.now();
    const { source, rollup } = this.#options;
    const [links, drops] = await Promise.all([this.#links(), this.#drops()]);
    const workloads = this.#workloads();
    if (workloads === undefined) return;
    source.begin?.();
    // First, so that those who waited for room on the page find it.
    const ids = new Set(workloads.map((workload) => workload.id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.forget(id);
    rollup.begin();
    for await (const workload of sliced(workloads))
      if (source.has(workload.id)) this.#one(workload, source, links, drops);
    rollup.end();
    this.#finishedAt = performance.now();
    this.#durationMs = this.#finishedAt - startedAt;
    this.#ticks += 1;
    this.#told(undefined, () => this.#options.onRound?.());
  }

  #one(
    workload: Sampled,
    source: SampleSource,
    links: ReadonlyMap<string, LinkStats>,
    drops: ReadonlyMap<string, Drops['packets']>,
  ): void {
    const { page, rollup } = this.#options;
    const { id, spec, sandbox } = workload;
    const known = this.#known.get(id);
    let stats: CgroupStats | undefined;
    try {
      stats = source.readStats(id);
    } catch (error) {
      this.#fail(error, id);
    }
    const { hostLink, baseline } = sandbox;
    const counted = hostLink === null ? undefined : links.get(hostLink);
    const dropped = hostLink === null ? undefined : drops.get(hostLink);
    const ksmProfit = source.ksmProfit(id);
    const vm = source.vm(id);
    const ready = source.ready(id);
    if (
      known !== undefined &&
      stats !== undefined &&
      // ksmd merges what sleeps, too.
      known.latest.ksmProfit === ksmProfit &&
      known.latest.ready === ready &&
      isSame(known.latest.vm, vm) &&
      isQuiet(known, workload, stats, counted, dropped) &&
      page.has(id)
    ) {
      known.latest.at = performance.now();
      this.#told(id, () => this.#options.mirror?.put(workload, known.latest));
      this.#told(id, () => this.#options.onQuiet?.(id));
      return;
    }
    if (stats !== undefined) this.#told(id, () => this.#options.onSample?.(id, stats));
    const link = counted === undefined || baseline === null ? counted : since(baseline, counted);
    const latest: Latest = {
      at: performance.now(),
      // A cgroup or link that has gone keeps its last figures until the workload itself goes.
      stats: stats ?? known?.latest.stats,
      link: link ?? known?.latest.link,
      drops: dropped ?? known?.latest.drops,
      ksmProfit,
      vm,
      ready,
      restarts: workload.restarts,
      startedAt: workload.process?.startedAt ?? null,
    };
    const named = (this.#options.labels ?? labelsOf)(workload);
    const labels = JSON.stringify([named.common, named.own]);
    const first = known === undefined;
    const onPage =
      known?.labels === labels && page.has(id) ? page.update(id, latest) : page.add(id, named, latest, first);
    if (!onPage) rollup.add(id, spec.tenant, latest);
    const { mirror } = this.#options;
    this.#told(id, () => (stats === undefined ? mirror?.forget(id) : mirror?.put(workload, latest)));
    this.#known.set(id, { of: workload, latest, before: stats === undefined ? undefined : known?.latest, labels });
  }

  /** A copy, because the daemon adds and removes workloads between slices; undefined when they cannot be told. */
  #workloads(): readonly Sampled[] | undefined {
    try {
      return [...this.#options.source.workloads()];
    } catch (error) {
      this.#fail(error, undefined);
      return undefined;
    }
  }

  async #links(): Promise<ReadonlyMap<string, LinkStats>> {
    try {
      const links = await this.#options.source.readLinks();
      return new Map(links.map((link) => [link.name, link]));
    } catch (error) {
      this.#fail(error, undefined);
      return new Map();
    }
  }

  async #drops(): Promise<ReadonlyMap<string, Drops['packets']>> {
    try {
      const drops = await this.#options.source.readDrops();
      return new Map(drops.map(({ link, packets }) => [link, packets]));
    } catch (error) {
      this.#fail(error, undefined);
      return new Map();
    }
  }

  /** What others make of a sample must not end the sampling. */
  #told(id: string | undefined, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#fail(error, id);
    }
  }

  #fail(error: unknown, id: string | undefined): void {
    this.#errors += 1;
    this.#options.onError?.(error, id);
  }
}

function labelsOf({ id, spec, state, sandbox }: Sampled): Labels {
  return {
    common: { workload: id, tenant: spec.tenant, driver: spec.driver },
    own: { state, class: spec.class, address: sandbox.address ?? '' },
  };
}

/** On a dense host that is what most of them are: nothing is made for them, and nothing written. */
function isQuiet(
  { of, latest, before }: Known,
  workload: Sampled,
  stats: CgroupStats,
  link: LinkStats | undefined,
  dropped: Drops['packets'] | undefined,
): boolean {
  if (of !== workload || latest.stats !== stats || before?.stats !== stats) return false;
  if (dropped?.egress !== latest.drops?.egress || dropped?.spoofed !== latest.drops?.spoofed) return false;
  const { baseline } = workload.sandbox;
  return link === undefined || latest.link === undefined
    ? link === latest.link
    : link.rxBytes - (baseline?.rxBytes ?? 0) === latest.link.rxBytes &&
        link.txBytes - (baseline?.txBytes ?? 0) === latest.link.txBytes &&
        link.rxDropped - (baseline?.rxDropped ?? 0) === latest.link.rxDropped &&
        link.txDropped - (baseline?.txDropped ?? 0) === latest.link.txDropped;
}

function isSame(one: VmSample | undefined, other: VmSample | undefined): boolean {
  return one?.memory === other?.memory && one?.balloon === other?.balloon && one?.overhead === other?.overhead;
}

/** A link that was handed out ready-made has counted for others before. */
function since(baseline: LinkStats, now: LinkStats): LinkStats {
  return {
    name: now.name,
    rxBytes: now.rxBytes - baseline.rxBytes,
    txBytes: now.txBytes - baseline.txBytes,
    rxPackets: now.rxPackets - baseline.rxPackets,
    txPackets: now.txPackets - baseline.txPackets,
    rxDropped: now.rxDropped - baseline.rxDropped,
    txDropped: now.txDropped - baseline.txDropped,
  };
}
