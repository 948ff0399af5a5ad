// A made-up node: fixed figures of every kind, so that pages made from it can be compared byte by byte.

import { Counters } from '../../../agent/control/stats.js';
import type { OverheadView } from '../../../agent/density/overhead/count.js';
import { advise } from '../../../agent/density/prediction/advise.js';
import { forecast } from '../../../agent/density/prediction/forecast.js';
import type { PredictionView } from '../../../agent/density/prediction/live.js';
import { Predictor } from '../../../agent/density/prediction/predictor.js';
import { ADOPTED_FAMILIES } from '../../../agent/metrics/adopted-families.js';
import type { ChoreFigures } from '../../../agent/metrics/families/housekeeping.js';
import type { ImageFigures } from '../../../agent/metrics/families/images.js';
import type { LimitFigures } from '../../../agent/metrics/families/limits.js';
import type { NetworkFigures } from '../../../agent/metrics/families/network.js';
import type { Totals } from '../../../agent/metrics/families/totals.js';
import { Page } from '../../../agent/metrics/page.js';
import { Metrics, type MetricsSource } from '../../../agent/metrics/registry.js';
import { Rollup } from '../../../agent/metrics/rollup.js';
import { type Sampled, Sampler, type SampleSource } from '../../../agent/metrics/sampler.js';
import type { VmSample } from '../../../agent/metrics/vms.js';
import { WORKLOAD_FAMILIES, type WorkloadSample } from '../../../agent/metrics/workload-families.js';
import type { AdoptedEndCount, EngineView } from '../../../agent/model/adopted.js';
import type { CapacityRow } from '../../../agent/model/capacity.js';
import type { LicenceView } from '../../../agent/model/licence.js';
import type { WorkloadState } from '../../../agent/model/record.js';
import type { StartWait } from '../../../agent/model/start-wait.js';
import type { CgroupStats } from '../../../cgroups/types.js';
import type { Drops, LinkStats } from '../../../netns/types.js';
import { CALM, EVERYBODY_SHARES, NO_STARTS } from '../calm.js';
import { newGovernor } from '../density/governor/fixture.js';

/** Counters that grow with `step`; workload number `n` gives each its own figures. */
export function statsOf(n: number, step: number): CgroupStats {
  const pressure = { someUsec: 1_500 * step + n, fullUsec: 500 * step + n, someAvg10: 0.1, fullAvg10: 0 };
  return {
    cpu: {
      usageUsec: 1_250_001 * step + n,
      userUsec: 1_000_001 * step + n,
      systemUsec: 250_000 * step,
      periods: 10 * step,
      throttledPeriods: 2 * step,
      throttledUsec: 12_345 * step,
      burstUsec: 6_789 * step,
    },
    memory: {
      current: 64 * 2 ** 20 + 4096 * (n + step),
      peak: 96 * 2 ** 20 + 4096 * (n + step),
      peakInterval: 80 * 2 ** 20 + 4096 * (n + step),
      swap: 0,
      ...(n === 0 ? { zswap: 4096 * step } : {}),
      max: n % 2 === 0 ? 256 * 2 ** 20 : 'max',
      events: { high: 0, max: step, oom: 0, oomKill: 0, oomGroupKill: 0 },
    },
    io: { readBytes: 4096 * step, writeBytes: 8192 * step, reads: step, writes: 2 * step },
    pids: { current: 3 + n, max: 128, maxEvents: 0 },
    pressure: { cpu: pressure, memory: pressure, io: pressure },
  };
}

export function linkOf(n: number, step: number): LinkStats {
  return {
    name: `bt${n}`,
    rxBytes: 1_000 * step,
    txBytes: 2_000 * step,
    rxPackets: 10 * step,
    txPackets: 20 * step,
    rxDropped: 1,
    txDropped: 2,
  };
}

export function workloadOf(n: number, state: WorkloadState = 'running'): Sampled {
  return {
    id: `web-${n}`,
    state,
    restarts: n,
    process: { startedAt: 1_790_000_000_123 },
    sandbox: { hostLink: `bt${n}`, address: `10.133.0.${n}`, baseline: null },
    spec: { tenant: n % 3 === 0 ? 'acme' : 'umbrella', driver: n % 5 === 4 ? 'qemu' : 'exec', class: 'burstable' },
  };
}

/** Of cpus the kernel writes a zero as `full`. */
const STALLS = {
  cpu: { someUsec: 1_500_000, fullUsec: 0, someAvg10: 0, fullAvg10: 0 },
  memory: { someUsec: 250_000, fullUsec: 125_000, someAvg10: 0, fullAvg10: 0 },
  io: { someUsec: 2_000_001, fullUsec: 1_000_001, someAvg10: 0, fullAvg10: 0 },
};

/** Two days of samples of one shape, and what follows for four workloads of it. */
const PREDICTED = predicted();

function predicted(): PredictionView {
  const predictor = new Predictor();
  const day = 86_400_000;
  for (const at of [0, day, 2 * day]) predictor.observe('exec/1', { cpu: 0.2, memory: 2 ** 27 }, at);
  const prediction = predictor.predict('exec/1', 2 * day);
  const one = { class: 'burstable' as const, promised: { cpu: 1, memory: 2 ** 28 }, prediction };
  const all = [one, one, one, one];
  return { mode: 'advise', forecast: forecast(all), advice: advise(all) };
}

/** Everything behind one web listener, with `count` workloads; `step` moves all counters on. */
export class MadeUpNode implements SampleSource, MetricsSource {
  step = 1;
  readonly list: Sampled[];
  readonly page: Page<WorkloadSample>;
  readonly rollup = new Rollup({ maxTenants: 100 });
  readonly sampler: Sampler;
  readonly registry: Metrics;
  /** One start is under way, the next one waits for it. */
  readonly starts = newGovernor({ max_settling: 1 });
  drops: readonly Drops[] = [];
  /** Bytes, by workload. */
  savings: ReadonlyMap<string, number> = new Map();
  /** Of those with driver qemu. */
  machine: VmSample = { memory: 256 * 2 ** 20, balloon: 64 * 2 ** 20, overhead: 48 * 2 ** 20 };
  readonly deleted = new Set<string>();
  counted: Totals = {
    reaped: { cgroup: 0, netns: 0, link: 0 },
    requests: new Counters().snapshot().requests,
    journalWrites: 0,
    outputDropped: 0,
  };

  constructor(count: number, options: { maxSeries?: number; process?: boolean; intervalMs?: number } = {}) {
    this.list = Array.from({ length: count }, (_, n) => workloadOf(n));
    this.page = new Page(WORKLOAD_FAMILIES, { maxSeries: options.maxSeries ?? 100_000 });
    const { page, rollup } = this;
    this.sampler = new Sampler({ source: this, page, rollup, intervalMs: options.intervalMs ?? 1000 });
    const { sampler, starts } = this;
    starts.ask('web-0');
    starts.ask('web-1');
    this.registry = new Metrics({
      version: '0.1.0',
      source: this,
      sampling: {
        health: () => sampler.health(),
        series: () => ({ onPage: page.series, dropped: page.dropped }),
        rollup: () => rollup.sums(),
        host: () => ({ stalls: STALLS, ksmProfit: -4096 }),
      },
      process: options.process ?? false,
      governor: () => starts.governor.status(),
      prediction: () => PREDICTED,
    });
  }

  /** What a web server shows of it. */
  pages() {
    return {
      exposition: {
        page: { leases: () => [...this.page.leases(), ...this.adopted().leases()] },
        registry: this.registry,
        sampler: this.sampler,
      },
      status: {
        metrics: this,
        workloads: () => this.workloads(),
        latest: (id: string) => this.latest(id),
        waiting: () => this.waiting(),
      },
    };
  }

  latest(id: string) {
    return this.sampler.latest(id);
  }

  waiting(): ReadonlyMap<string, StartWait> {
    return new Map();
  }

  workloads(): readonly Sampled[] {
    return this.list;
  }

  has(id: string): boolean {
    return !this.deleted.has(id);
  }

  readStats(id: string): CgroupStats | undefined {
    return statsOf(Number(id.slice(4)), this.step);
  }

  ready(id: string): boolean | undefined {
    return id === 'web-0' ? true : undefined;
  }

  ksmProfit(id: string): number | undefined {
    return this.savings.get(id);
  }

  vm(id: string): VmSample | undefined {
    const one = this.list[Number(id.slice(4))];
    return one?.id === id && one.spec.driver === 'qemu' ? this.machine : undefined;
  }

  async readLinks(): Promise<readonly LinkStats[]> {
    return this.list.map((_, n) => linkOf(n, this.step));
  }

  async readDrops(): Promise<readonly Drops[]> {
    return this.drops;
  }

  network(): NetworkFigures {
    const some = { netns: 0, link: 1, address: 0, route: 0, firewall: 2, shaping: 0, table: 0, bridge: 0 };
    return {
      pools: [{ pool: 'network.pool', total: 65_534, leased: this.list.length, resting: 3, early: 0 }],
      slots: { ready: { veth: 12, tap: 4 }, handedOut: 20, recycled: 18, discarded: 2 },
      drift: { found: some, repaired: some },
      forwarded: { offered: 100, passed: 99 },
      conntrack: { entries: 1234, limit: 262_144 },
    };
  }

  describe() {
    const states = ['pending', 'preparing', 'starting', 'running', 'frozen', 'stopping', 'exited', 'failed'] as const;
    const of = (state: WorkloadState): number => this.list.filter((w) => w.state === state).length;
    return {
      name: 'node-1',
      version: '0.1.0',
      bootId: '5d0c0c7e',
      startedAt: 1_790_000_000_000,
      ready: true,
      cordoned: false,
      drain: null,
      labels: {},
      drivers: [
        { name: 'exec' as const, usable: true, reason: '' },
        { name: 'qemu' as const, usable: false, reason: 'qemu-system-x86_64 is not installed' },
      ],
      workloads: Object.fromEntries(states.map((state) => [state, of(state)])) as Record<WorkloadState, number>,
      leaked: 0,
      pressure: CALM,
      starts: NO_STARTS,
      host: {},
      conditions: [
        { code: 'no_kvm', severity: 'warning' as const, title: 'No KVM', why: 'no /dev/kvm', fix: 'load <kvm>' },
      ],
    };
  }

  capacity(): readonly CapacityRow[] {
    const rest = { kept: 0, reserved: 0, used: null };
    const n = this.list.length;
    return [
      { scope: 'host', dimension: 'workloads', capacity: 1000, allocatable: 1000, committed: n, ...rest },
      { scope: 'host', dimension: 'cpu', capacity: 2, allocatable: 6, committed: 1.5, ...rest, kept: 0.5 },
      {
        ...{ scope: 'host', dimension: 'memory', capacity: 8 * 2 ** 30, allocatable: 7 * 2 ** 30, committed: 2 ** 30 },
        ...{ kept: 2 ** 30, reserved: 2 ** 20, used: 2 ** 29 },
      },
      { scope: 'host', dimension: 'addresses', capacity: 65_533, allocatable: 65_533, committed: n, ...rest },
      { scope: 'kind/exec', dimension: 'workloads', capacity: 1000, allocatable: null, committed: n, ...rest },
      { scope: 'tenant/acme', dimension: 'cpu', capacity: 2, allocatable: null, committed: 0.5, ...rest, used: 0.25 },
      {
        ...{ scope: 'tenant/acme', dimension: 'memory', capacity: 8 * 2 ** 30, allocatable: 4 * 2 ** 30 },
        ...{ committed: 2 ** 29, ...rest, used: 2 ** 28, guaranteed: 2 ** 28 },
      },
      { scope: 'tenant/acme', dimension: 'workloads', capacity: 1000, allocatable: 10, committed: 1, ...rest },
      { scope: 'licence/db', dimension: 'licences', capacity: 4, allocatable: 4, committed: 2, ...rest },
    ];
  }

  ceilings() {
    return [
      { name: 'neighbours', limit: 8192, used: 12 },
      { name: 'inotify_watches', limit: 8192, used: null },
    ];
  }

  overhead(): readonly OverheadView[] {
    const counts = { counts: 'configured', counted: 160 * 2 ** 20, surcharge: 0 } as const;
    const qemu = { driver: 'qemu', configured: 160 * 2 ** 20, samples: 7, runs: 2, ...counts } as const;
    return [
      { ...{ driver: 'exec', size: null, configured: 0, measured: null, samples: 0, runs: 0 }, ...counts, counted: 0 },
      { ...qemu, size: '2 vcpus 512Mi', measured: 60 * 2 ** 20 },
      { ...qemu, size: '1 vcpu 256Mi', measured: 50 * 2 ** 20 },
    ];
  }

  windows() {
    return [
      { name: 'night', active: true },
      { name: 'weekend', active: false },
    ];
  }

  licences(): readonly Pick<LicenceView, 'name' | 'leases'>[] {
    const lease = { scheduler: 'central', count: 1 };
    return [
      {
        name: 'db',
        leases: [
          { ...lease, expiresAt: 1_790_003_600_000 },
          { ...lease, expiresAt: 1_790_007_200_000 },
        ],
      },
      { name: 'core', leases: [] },
    ];
  }

  limits(): LimitFigures {
    return {
      changes: { found: new Map([['memory.max', 2]]), repaired: new Map([['memory.max', 1]]) },
      ...{ contested: 1, leaks: 0, dying: 3, violations: 1 },
      cpus: EVERYBODY_SHARES.capacity,
      pressure: { ...CALM, counts: [{ action: 'suppress', dryRun: true, count: 2 }], futile: 1 },
    };
  }

  leaked(): Readonly<Record<string, number>> {
    return { cgroup: 0, netns: 0, link: 0 };
  }

  apart(): ReturnType<MetricsSource['apart']> {
    return [
      { kind: 'netns', whose: 'another' },
      { kind: 'netns', whose: 'another' },
      { kind: 'link', whose: 'unknown' },
    ];
  }

  housekeeping(): readonly ChoreFigures[] {
    return [{ name: 'reaper', runs: { ok: 3, failed: 1, late: 0 }, ageSeconds: 12 }];
  }

  /** The page of workloads of other engines: one, which does what the first of ours does. */
  adopted(): Page<WorkloadSample> {
    const page = new Page(ADOPTED_FAMILIES, { maxSeries: 1000 });
    const latest = this.sampler.latest('web-0');
    if (latest !== undefined) page.add('db', { common: { workload: 'db', tenant: 'acme', engine: 'docker' } }, latest);
    return page;
  }

  adoptedEnds(): readonly AdoptedEndCount[] {
    return [
      { engine: 'docker', cause: 'limit', count: 2 },
      { engine: 'docker', cause: 'exit', count: 5 },
    ];
  }

  engines(): readonly EngineView[] {
    const docker = {
      name: 'docker',
      authority: 'observe',
      state: 'up',
      why: null,
      socket: '/run/docker.sock',
    } as const;
    const rest = { workloads: 3, dropped: 0 };
    return [
      { ...docker, ...rest },
      { ...docker, ...rest, name: 'podman', state: 'unreachable', why: 'it hangs' },
      { ...docker, ...rest, name: 'lxc', state: 'absent', workloads: 0 },
    ];
  }

  images(): ImageFigures {
    return { count: 2, bytes: 4096, pulls: { ok: 3, failed: 1 } };
  }

  snapshots(): ReturnType<MetricsSource['snapshots']> {
    const file = { name: 'state', bytes: 2 ** 20, sha256: '' };
    return [
      { tenant: 'acme', files: [file, { ...file, name: 'memory', bytes: 2 ** 28 }] },
      { tenant: 'umbrella', files: [file] },
      { tenant: 'acme', files: [file] },
    ];
  }

  totals(): Totals {
    return this.counted;
  }

  schedulers(): readonly { id: string; connected: boolean }[] {
    return [{ id: 'central', connected: true }];
  }
}
