// Wires the metrics room to the workloads: what is sampled, what is recorded, what is served.

import { relative } from 'node:path';
import { CgroupReader, sampleBuffer } from '../../cgroups/stats.js';
import type { CgroupStats } from '../../cgroups/types.js';
import type { NetworkRoom } from '../../netns/index.js';
import type { Log } from '../base/log.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { Governor } from '../density/governor/governor.js';
import type { OverheadService } from '../density/overhead/overhead.js';
import type { PredictionView } from '../density/prediction/live.js';
import type { Engines } from '../discovery/engines/engines.js';
import type { HostFacts } from '../host/facts.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { Activity } from '../metrics/activity.js';
import { namesOf } from '../metrics/cadvisor/names.js';
import { CadvisorPage } from '../metrics/cadvisor/page.js';
import { HostLoad } from '../metrics/host-load.js';
import { KsmSavings } from '../metrics/ksm.js';
import { Page } from '../metrics/page.js';
import { Metrics, type MetricsSource } from '../metrics/registry.js';
import { Rollup } from '../metrics/rollup.js';
import { type Mirror, Sampler } from '../metrics/sampler.js';
import { Vms } from '../metrics/vms.js';
import { WORKLOAD_FAMILIES, type WorkloadSample } from '../metrics/workload-families.js';
import { isSettled } from '../model/lifecycle.js';
import type { Pressure } from '../pressure/engine.js';
import { LateListener } from '../web/late-listener.js';
import { openListener } from '../web/listener.js';
import type { Manager } from '../workload/manager.js';
import type { Observer } from '../workload/ports.js';
import { AdoptedSamples } from './adapters/adopted-samples.js';
import { idleMachines } from './adapters/idle-machines.js';
import type { Samples } from './agent-parts.js';

export interface Observation {
  readonly metrics: Metrics;
  readonly sampler: Sampler;
  readonly samples: Samples;
  /** Of workloads of other engines. */
  readonly adopted: AdoptedSamples;
  /** Not open yet. */
  readonly web: LateListener;
  /** A workload is deleted: its descriptors and series go at once. */
  forget(id: string): void;
  stop(): Promise<void>;
}

/** Of the series: most of the budget stays for /metrics. */
const CADVISOR_SHARE = 1 / 4;
/** Tenants with series of their own in the roll-up. */
const MAX_TENANTS = 1000;

/** What the workload room may report before the metrics exist: they need the workloads to be there. */
export class LateObserver implements Observer {
  #metrics: Metrics | undefined;
  /** An operation of the network room took so long. */
  onNetwork: ((seconds: number) => void) | undefined;

  attach(metrics: Metrics): void {
    this.#metrics = metrics;
  }

  started: Observer['started'] = (driver, seconds) => this.#metrics?.recordStart(driver, seconds);
  saved: Observer['saved'] = (driver, seconds) => this.#metrics?.recordSave(driver, seconds);
  restored: Observer['restored'] = (driver, seconds) => this.#metrics?.recordRestore(driver, seconds);
  ended: Observer['ended'] = (end) => this.#metrics?.recordEnd(end);
  admission: Observer['admission'] = (...args) => this.#metrics?.recordAdmission(...args);
  preempted: Observer['preempted'] = (of) => this.#metrics?.recordPreemption(of);
  reconciled: Observer['reconciled'] = (seconds) => this.#metrics?.recordReconcile(seconds);
  network: Observer['network'] = (operation, seconds) => {
    this.#metrics?.recordNetwork(operation, seconds);
    this.onNetwork?.(seconds);
  };
  /** A start had its turn. */
  waited = (seconds: number): void => this.#metrics?.recordStartWait(seconds);
}

export interface ObservePorts {
  readonly cgroups: Pick<CgroupPort, 'path' | 'processes'>;
  readonly config: Config;
  readonly log: Log;
}

export interface Observed {
  readonly world: ObservePorts;
  readonly manager: Manager;
  readonly network: Pick<NetworkRoom, 'stats' | 'drops'>;
  readonly source: MetricsSource;
  readonly version: string;
  readonly facts: Pick<HostFacts, 'cgroup' | 'cpusOnline' | 'memoryBytes'>;
  readonly pressure: Pick<Pressure, 'observe' | 'quiet' | 'look' | 'balloons'>;
  readonly governor: Pick<Governor, 'status' | 'allWaiting'>;
  readonly prediction: () => PredictionView | null;
  readonly overhead: Pick<OverheadService, 'measured'>;
  readonly engines: Pick<Engines, 'directory'>;
}

export async function observe(parts: Observed): Promise<Observation> {
  const { world, manager, network, source, version, facts, pressure, governor, prediction, overhead, engines } = parts;
  const { config, cgroups, log } = world;
  const readers = new Map<string, CgroupReader>();
  const buffer = sampleBuffer();
  const activity = new Activity((tenant) => cgroups.path(tenant), buffer);
  const intervalMs = parseDuration(config.metrics.interval) ?? 5000;
  // One budget for all pages: who comes first has it.
  const { max_series: most } = config.metrics;
  const page: Page<WorkloadSample> = new Page(WORKLOAD_FAMILIES, {
    maxSeries: () => most - adopted.page.series - (cadvisor?.series ?? 0),
  });
  const cadvisor: CadvisorPage | undefined = config.metrics.cadvisor
    ? new CadvisorPage({
        maxSeries: () => Math.min(Math.floor(most * CADVISOR_SHARE), most - page.series - adopted.page.series),
        now: Date.now,
      })
    : undefined;
  const adopted = new AdoptedSamples({
    ...{ intervalMs, cadvisor },
    ...{ maxSeries: most, ownSeries: () => page.series + (cadvisor?.series ?? 0) },
    directory: (workload) => engines.directory(workload),
    onError: (error, id) => log.warn({ err: error, adopted: id }, 'sample of a workload of another engine failed'),
  });
  const load = new HostLoad({
    get cpus() {
      return facts.cpusOnline;
    },
    get memoryBytes() {
      return facts.memoryBytes;
    },
  });
  const savings = new KsmSavings({
    asked: () =>
      manager
        .records()
        .filter(({ spec, state }) => spec.resources.memory?.ksm === true && !isSettled(state))
        .map(({ id, sandbox }) => ({ id, pids: () => cgroups.processes(sandbox.cgroup) })),
    onError: (error, id) => log.warn({ err: error, workload: id }, 'what KSM saves cannot be read'),
  });
  const vms = new Vms({ balloons: () => pressure.balloons(), overhead: (id) => overhead.measured(id) });
  const idling = idleMachines(manager, (id) => sampler.latest(id));
  const rollup = new Rollup({ maxTenants: MAX_TENANTS });
  const sampler = new Sampler({
    page,
    rollup,
    intervalMs,
    mirror: cadvisor === undefined ? undefined : mirrorIn(cadvisor),
    source: {
      begin: () => {
        activity.begin();
        vms.begin();
      },
      workloads: () => manager.records(),
      has: (id) => manager.has(id),
      readStats,
      ksmProfit: (id) => savings.profit(id),
      vm: (id) => vms.of(manager.actor(id).record),
      ready: (id) => manager.ready(manager.actor(id).record),
      readLinks: () => network.stats(config.network.link_prefix),
      readDrops: () => network.drops(),
    },
    onSample: (id, stats) => pressure.observe(id, stats),
    onQuiet: (id) => pressure.quiet(id),
    onRound: () => {
      load.sample(performance.now());
      savings.look();
      void pressure.look();
      idling.look();
    },
    onError: (error, id) => log.warn({ err: error, workload: id }, 'sample failed'),
  });

  // Started again, a workload has another cgroup under the same name: a reader that finds its own gone closes itself,
  // and the next sample opens a new one.
  function readStats(id: string): CgroupStats | undefined {
    const { state, sandbox, spec } = manager.actor(id).record;
    if (isSettled(state)) return void drop(id);
    const reader = readers.get(id) ?? new CgroupReader(cgroups.path(sandbox.cgroup), buffer);
    const stats = reader.read({ at: performance.now(), quiet: activity.quiet(spec.tenant) });
    if (stats === undefined) return void drop(id);
    readers.set(id, reader);
    return stats;
  }

  function mirrorIn(to: CadvisorPage): Mirror {
    const mount = facts.cgroup?.mount ?? '/';
    return {
      put: ({ id }, latest) => {
        const { record } = manager.actor(id);
        to.put(id, namesOf(record, relative(mount, cgroups.path(record.sandbox.cgroup))), latest);
      },
      forget: (id) => to.forget(id),
    };
  }

  function drop(id: string): void {
    readers.get(id)?.close();
    readers.delete(id);
  }

  const sampling = {
    health: () => sampler.health(),
    series: () => ({
      onPage: page.series + adopted.page.series + (cadvisor?.series ?? 0),
      dropped: page.dropped + adopted.page.dropped + (cadvisor?.dropped ?? 0),
    }),
    rollup: () => rollup.sums(),
    host: () => ({ stalls: load.stalls(), ksmProfit: savings.host() }),
  };
  const metrics = new Metrics({ version, source, sampling, governor: () => governor.status(), prediction });
  sampler.start();
  adopted.start();
  const listen = () =>
    openListener(config, {
      exposition: { page: { leases: () => bothLeases([page, adopted.page]) }, registry: metrics, sampler },
      cadvisor: cadvisor === undefined ? undefined : { page: cadvisor, sampler },
      status: {
        metrics: source,
        workloads: () => manager.records(),
        latest: (id) => sampler.latest(id),
        waiting: () => governor.allWaiting(),
      },
      onError: (error) => log.warn({ err: error }, 'web request failed'),
    });
  const web = new LateListener(listen);
  return {
    metrics,
    adopted,
    sampler,
    samples: {
      latest: (id) => sampler.latest(id),
      interval: (id) => sampler.interval(id),
      ageMs: () => sampler.ageMs(),
      host: () => load.use(),
    },
    web,
    forget: (id) => {
      drop(id);
      sampler.forget(id);
    },
    stop: async () => {
      await web.close();
      await sampler.stop();
      await adopted.stop();
      await savings.stop();
      for (const reader of readers.values()) reader.close();
      activity.close();
    },
  };
}

function* bothLeases(pages: readonly Page<WorkloadSample>[]): ReturnType<Page<WorkloadSample>['leases']> {
  for (const page of pages) yield* page.leases();
}
