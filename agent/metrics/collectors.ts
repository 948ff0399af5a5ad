// Families whose values are asked for at the scrape, so that a label value that is gone never lingers. A collector
// that fails is counted and leaves its families empty; the scrape itself goes on.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ChoreFigures } from '../chores.js';
import { METHODS } from '../control/methods.js';
import type { Ceiling } from '../density/ceilings.js';
import type { OverheadView } from '../density/overhead/count.js';
import type { WindowState } from '../density/windows.js';
import type { CapacityRow, LicenceView, NodeDescription } from '../service.js';
import type { WorkloadRecord } from '../workload/record.js';
import type { HostFigures } from './host.js';
import type { LimitFigures } from './limits.js';
import type { NetworkFigures } from './network.js';
import type { TenantSums } from './rollup.js';

/** What the daemon answers at a scrape; plain data, no waiting. */
export interface MetricsSource {
  describe(): NodeDescription;
  capacity(): readonly CapacityRow[];
  ceilings(): readonly Ceiling[];
  overhead(): readonly OverheadView[];
  windows(): readonly Pick<WindowState, 'name' | 'active'>[];
  licences(): readonly Pick<LicenceView, 'name' | 'leases'>[];
  workloads(): Iterable<Pick<WorkloadRecord, 'state'> & { readonly spec: Pick<WorkloadRecord['spec'], 'driver'> }>;
  /** Objects of berth in the kernel that belong to no workload, by kind; every kind always, zeros included. */
  leaked(): Readonly<Record<string, number>>;
  /** Objects with a tag of berth that are left alone, as they are, or may be, of another installation. */
  apart(): readonly { readonly kind: string; readonly whose: string }[];
  housekeeping(): readonly ChoreFigures[];
  schedulers(): readonly { readonly id: string; readonly connected: boolean }[];
  totals(): Totals;
  network(): NetworkFigures;
  limits(): LimitFigures;
}

/** Counts that others keep: since the start of the agent where nothing else is said. */
export interface Totals {
  /** By kind of object; every kind always, zeros included. */
  readonly reaped: Readonly<Record<string, number>>;
  readonly requests: readonly { readonly method: string; readonly result: string; readonly count: number }[];
  readonly journalWrites: number;
  /** Bytes, since the start of the supervisor; undefined: it has not answered yet, or does not count them. */
  readonly outputDropped: number | undefined;
}

/** The state of sampling in seconds, and what it has seen of the host. */
export interface SamplingSource {
  health(): { readonly age: number | null; readonly duration: number; readonly errors: number };
  series(): { readonly onPage: number; readonly dropped: number };
  rollup(): ReadonlyMap<string, Readonly<TenantSums>>;
  host(): HostFigures;
}

export type Values = Iterable<readonly [labels: Record<string, string>, value: number]>;

/** Adds families to one registry. */
export class Collectors {
  readonly #registry: Registry;
  readonly #failures: Counter<'family'>;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#failures = new Counter({
      name: 'berth_scrape_errors_total',
      help: 'Families left empty in a scrape because their values could not be had.',
      labelNames: ['family'],
      registers: [registry],
    });
  }

  gauge(name: string, help: string, labelNames: readonly string[], values: () => Values): void {
    const read = (): Values => this.#read(name, values);
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        // A reset gauge without labels would say 0, which is an answer.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** For counters that are kept elsewhere: the value is the total so far. */
  counter(name: string, help: string, labelNames: readonly string[], values: () => Values): void {
    const read = (): Values => this.#read(name, values);
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  #read(family: string, values: () => Values): Values {
    try {
      return [...values()];
    } catch {
      this.#failures.inc({ family });
      return [];
    }
  }
}

export function addNodeFamilies(c: Collectors, source: MetricsSource): void {
  c.gauge('berth_node_info', 'Always 1; name and boot of this node as labels.', ['node', 'boot_id'], () => {
    const { name, bootId } = source.describe();
    return [[{ node: name, boot_id: bootId }, 1]];
  });
  c.gauge('berth_node_ready', '1 when the agent has recovered its workloads and takes new ones.', [], () => [
    [{}, Number(source.describe().ready)],
  ]);
  c.gauge('berth_node_cordoned', '1 when the node is closed to new workloads.', [], () => [
    [{}, Number(source.describe().cordoned)],
  ]);
  c.gauge('berth_driver_usable', '1 when workloads of this driver can run here.', ['driver'], () =>
    source.describe().drivers.map((d) => [{ driver: d.name }, Number(d.usable)] as const),
  );
  c.gauge('berth_health_condition', 'Always 1; findings that stand now.', ['code', 'severity'], () =>
    source.describe().conditions.map(({ code, severity }) => [{ code, severity }, 1] as const),
  );
  c.gauge('berth_leaked_objects', 'Kernel objects of berth that belong to no workload.', ['kind'], () =>
    Object.entries(source.leaked()).map(([kind, count]) => [{ kind }, count] as const),
  );
  c.gauge(
    'berth_foreign_objects',
    'Kernel objects with a tag of berth that berth leaves alone: of another installation, or of an unknown one.',
    ['kind', 'whose'],
    () => {
      const counts = new Map<string, readonly [{ kind: string; whose: string }, number]>();
      for (const { kind, whose } of source.apart()) {
        const key = `${kind} ${whose}`;
        counts.set(key, [{ kind, whose }, (counts.get(key)?.[1] ?? 0) + 1]);
      }
      return [...counts.values()];
    },
  );
  c.gauge('berth_control_connected', '1 when the connection to this scheduler stands.', ['scheduler'], () =>
    source.schedulers().map((s) => [{ scheduler: s.id }, Number(s.connected)] as const),
  );
  c.gauge('berth_workloads', 'Workloads on this node.', ['state', 'driver'], () => {
    const counts = new Map<string, readonly [{ state: string; driver: string }, number]>();
    for (const { state, spec } of source.workloads()) {
      const key = `${state} ${spec.driver}`;
      counts.set(key, [{ state, driver: spec.driver }, (counts.get(key)?.[1] ?? 0) + 1]);
    }
    return counts.values();
  });
}

export function addTotalFamilies(c: Collectors, source: MetricsSource): void {
  c.counter('berth_reaped_objects_total', 'Orphaned kernel objects removed.', ['kind'], () =>
    Object.entries(source.totals().reaped).map(([kind, count]) => [{ kind }, count] as const),
  );
  const help = 'Requests of the control protocol; result: ok or code.';
  c.counter('berth_control_requests_total', help, ['method', 'result'], () => {
    // A counter that appears with its first event hides that event from `increase`.
    const zeros = Object.keys(METHODS).map((method) => [{ method, result: 'ok' }, 0] as const);
    return [...zeros, ...source.totals().requests.map(({ count, ...labels }) => [labels, count] as const)];
  });
  c.counter('berth_journal_writes_total', 'Journal entries made durable.', [], () => [
    [{}, source.totals().journalWrites],
  ]);
  const dropped =
    'Bytes that workloads wrote to stdout and stderr and that were dropped because their file could not be written.';
  c.counter('berth_output_dropped_bytes_total', dropped, [], () => {
    const { outputDropped } = source.totals();
    return outputDropped === undefined ? [] : [[{}, outputDropped]];
  });
}

export function addHousekeepingFamilies(c: Collectors, source: Pick<MetricsSource, 'housekeeping'>): void {
  const runs = 'Runs of the chores that the agent does each minute; result: ok, failed, or late at its deadline.';
  c.counter('berth_housekeeping_runs_total', runs, ['chore', 'result'], () =>
    source
      .housekeeping()
      .flatMap(({ name, runs }) => Object.entries(runs).map(([result, n]) => [{ chore: name, result }, n] as const)),
  );
  const age = 'Time since this chore last went well, by a clock that nobody sets; 60 at most while all is well.';
  c.gauge('berth_housekeeping_age_seconds', age, ['chore'], () =>
    source.housekeeping().map(({ name, ageSeconds }) => [{ chore: name }, ageSeconds] as const),
  );
}

export function addSamplingFamilies(c: Collectors, sampling: SamplingSource): void {
  c.gauge('berth_sample_age_seconds', 'Time since the last finished sample of all workloads.', [], () => {
    const { age } = sampling.health();
    return age === null ? [] : [[{}, age]];
  });
  c.gauge('berth_sample_duration_seconds', 'How long the last sample of all workloads took.', [], () => [
    [{}, sampling.health().duration],
  ]);
  c.counter('berth_sample_errors_total', 'Readings of cgroups and links that failed.', [], () => [
    [{}, sampling.health().errors],
  ]);
  c.gauge('berth_scrape_series', 'Per-workload series on the page.', [], () => [[{}, sampling.series().onPage]]);
  c.counter(
    'berth_scrape_series_dropped_total',
    'Per-workload series refused by metrics.max_series; their workloads are summed up in berth_rollup families.',
    [],
    () => [[{}, sampling.series().dropped]],
  );
  const by = (value: (sums: Readonly<TenantSums>) => number) => (): Values =>
    [...sampling.rollup()].map(([tenant, sums]) => [{ tenant }, value(sums)] as const);
  const of = 'of workloads beyond metrics.max_series.';
  c.gauge(
    'berth_rollup_workloads',
    'Workloads beyond metrics.max_series.',
    ['tenant'],
    by((s) => s.workloads),
  );
  c.gauge(
    'berth_rollup_memory_bytes',
    `Memory ${of}`,
    ['tenant'],
    by((s) => s.memoryBytes),
  );
  c.gauge(
    'berth_rollup_pids',
    `Processes ${of}`,
    ['tenant'],
    by((s) => s.pids),
  );
  c.counter(
    'berth_rollup_cpu_seconds_total',
    `Processor time ${of}`,
    ['tenant'],
    by((s) => s.cpuSeconds),
  );
  c.counter(
    'berth_rollup_oom_kills_total',
    `Kills for want of memory ${of}`,
    ['tenant'],
    by((s) => s.oomKills),
  );
  c.counter('berth_rollup_network_bytes_total', `Traffic ${of}`, ['tenant', 'direction'], () =>
    [...sampling.rollup()].flatMap(([tenant, sums]) => [
      [{ tenant, direction: 'receive' }, sums.receivedBytes] as const,
      [{ tenant, direction: 'transmit' }, sums.transmittedBytes] as const,
    ]),
  );
}
