// Everything that is not per workload: a prom-client registry of our own, and the functions with which the rest of
// the agent records what happens.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LONGEST_MS } from '../../linux/timers.js';
import type { GovernorStatus } from '../density/governor/types.js';
import type { PredictionView } from '../density/prediction/live.js';
import type { Refusal } from '../model/capacity.js';
import { DIMENSION_NAMES } from '../model/dimensions.js';
import { MACHINE_DRIVERS } from '../model/driver-kinds.js';
import type { EndCause, EndRecord, KillActor } from '../model/record.js';
import { DRIVER_NAMES, type DriverName, type WorkloadSpec } from '../model/spec.js';
import { NETWORK_OPERATIONS, type NetworkOperation } from '../network/timed.js';
import { briefly } from './briefly.js';
import { Collectors } from './collectors.js';
import { addGovernorFamilies, type GovernorMetrics } from './families/governor.js';
import { FAMILIES, type MetricsSource, type SampledSource } from './families/index.js';
import { addLoopLag } from './families/loop-lag.js';
import { addPredictionFamilies } from './families/prediction.js';

export type { MetricsSource, SampledSource } from './families/index.js';

export interface MetricsOptions {
  /** Without one there are no families of it. */
  readonly governor?: () => GovernorStatus;
  /** As is prediction; null: it is off. */
  readonly prediction?: () => PredictionView | null;
  readonly version: string;
  readonly source: MetricsSource;
  readonly sampling: SampledSource;
  /** Process and Node.js families, `berth_process_*` and `berth_nodejs_*`; default true. */
  readonly process?: boolean;
}

const DIMENSIONS: readonly Refusal['dimension'][] = [
  ...DIMENSION_NAMES,
  ...(['licences', 'ports', 'exclusive_cpus', 'cpus', 'mems'] as const),
];
const CLASSES: readonly WorkloadSpec['class'][] = ['guaranteed', 'burstable', 'besteffort'];
/** Who kills for each cause; null: it is no kill, or, of a signal, not always. */
const CAUSES: Readonly<Record<EndCause, KillActor | null>> = {
  exit: null,
  signal: 'unknown',
  limit: 'kernel',
  tenant: 'kernel',
  host: 'kernel',
  vmm: 'kernel',
  guest: 'guest',
  pressure: 'berth',
  health: 'berth',
  stopped: null,
  suspended: null,
  preempted: null,
  quota: null,
  drained: null,
  start: null,
  lost: null,
};

export class Metrics {
  readonly #registry = new Registry();
  readonly #decisions: Counter<'result' | 'dimension'>;
  readonly #admission: Histogram;
  readonly #starts: Histogram<'driver'>;
  readonly #saves: Histogram<'driver'>;
  readonly #restores: Histogram<'driver'>;
  readonly #ends: Counter<'cause'>;
  readonly #kills: Counter<'cause' | 'actor'>;
  readonly #preemptions: Counter<'class'>;
  readonly #reconcile: Histogram;
  readonly #events: Counter;
  readonly #network: Histogram<'operation'>;

  readonly #waits: GovernorMetrics | undefined;

  constructor(options: MetricsOptions) {
    const registers = [this.#registry];
    const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
      new Counter<T>({ name, help, labelNames: [...labelNames], registers });
    const histogram = <T extends string>(
      name: string,
      help: string,
      labelNames: readonly T[],
      buckets: readonly number[],
    ): Histogram<T> => new Histogram<T>({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers });

    new Gauge({
      name: 'berth_build_info',
      help: 'Always 1; the version of berth and of Node.js.',
      labelNames: ['version', 'node_version'],
      registers,
    }).set({ version: options.version, node_version: process.version }, 1);
    const collectors = new Collectors(this.#registry);
    const sources = { node: options.source, sampled: options.sampling };
    for (const add of FAMILIES) add(collectors, sources);

    this.#decisions = counter('berth_admission_decisions_total', 'Answers of admission; dimension: of the refusal.', [
      'result',
      'dimension',
    ]);
    this.#admission = histogram(
      'berth_admission_latency_seconds',
      'Time from the request to the durable answer of admission.',
      [],
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    );
    this.#starts = histogram(
      'berth_start_duration_seconds',
      'Time from the turn to start to a running workload; the wait for the turn is berth_start_wait_seconds.',
      ['driver'],
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    );
    this.#saves = histogram(
      'berth_vm_save_duration_seconds',
      'Time in which a guest stands still for a snapshot: until it goes on, or its suspension is durable. Without saves that fail.',
      ['driver'],
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    );
    this.#restores = histogram(
      'berth_vm_restore_duration_seconds',
      'Time from the turn to start to a guest that goes on from a snapshot, its own or, as a clone, that of another.',
      ['driver'],
      [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    );
    this.#ends = counter('berth_ends_total', 'Processes of workloads that ended, by cause.', ['cause']);
    this.#kills = counter('berth_kills_total', 'Processes of workloads that were killed unasked, by cause and actor.', [
      'cause',
      'actor',
    ]);
    this.#preemptions = counter(
      'berth_preemptions_total',
      'Workloads that were asked to go for one of a higher class or priority, by their own class.',
      ['class'],
    );
    this.#reconcile = histogram(
      'berth_reconcile_duration_seconds',
      'Time of one pass of the reconciler over a workload.',
      [],
      [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    );
    this.#network = histogram(
      'berth_network_operation_seconds',
      'Time of one operation of the network room, waiting for its worker included.',
      ['operation'],
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    );
    this.#events = counter('berth_control_events_total', 'Events written to the event journal.', []);
    if (options.governor !== undefined) this.#waits = addGovernorFamilies(collectors, this.#registry, options.governor);
    if (options.prediction !== undefined) addPredictionFamilies(collectors, briefly(options.prediction));
    this.#startAtZero();
    if (options.process ?? true) this.#addProcess(collectors);
  }

  recordStartWait(seconds: number): void {
    this.#waits?.waited(seconds);
  }

  /** `dimension`: of the refusal; `none` for an admission. */
  recordAdmission(result: 'admitted' | 'refused', dimension: Refusal['dimension'] | 'none', seconds: number): void {
    this.#decisions.inc({ result, dimension });
    this.#admission.observe(seconds);
  }

  recordStart(driver: DriverName, seconds: number): void {
    this.#starts.observe({ driver }, seconds);
  }

  recordSave(driver: DriverName, seconds: number): void {
    this.#saves.observe({ driver }, seconds);
  }

  recordRestore(driver: DriverName, seconds: number): void {
    this.#restores.observe({ driver }, seconds);
  }

  recordEnd({ cause, actor }: Pick<EndRecord, 'cause' | 'actor'>): void {
    this.#ends.inc({ cause });
    if (actor !== undefined) this.#kills.inc({ cause, actor });
  }

  recordPreemption(of: WorkloadSpec['class']): void {
    this.#preemptions.inc({ class: of });
  }

  recordReconcile(seconds: number): void {
    this.#reconcile.observe(seconds);
  }

  recordNetwork(operation: NetworkOperation, seconds: number): void {
    this.#network.observe({ operation }, seconds);
  }

  recordEvent(): void {
    this.#events.inc();
  }

  /** All families of this registry in the text format 0.0.4, ending with a newline. */
  async text(): Promise<string> {
    // prom-client writes HELP and TYPE of families that have no series; those lines are not worth their bytes.
    const blocks = (await this.#registry.metrics()).trimEnd().split('\n\n');
    return `${blocks.filter((block) => block.split('\n').some((line) => !line.startsWith('#'))).join('\n')}\n`;
  }

  /** A counter that appears with its first event hides that event from `increase`. */
  #startAtZero(): void {
    this.#decisions.inc({ result: 'admitted', dimension: 'none' }, 0);
    for (const dimension of DIMENSIONS) this.#decisions.inc({ result: 'refused', dimension }, 0);
    for (const [cause, actor] of Object.entries(CAUSES)) {
      this.#ends.inc({ cause }, 0);
      if (actor !== null) this.#kills.inc({ cause, actor }, 0);
    }
    for (const of of CLASSES) this.#preemptions.inc({ class: of }, 0);
    for (const driver of DRIVER_NAMES) this.#starts.zero({ driver });
    for (const driver of MACHINE_DRIVERS) for (const vms of [this.#saves, this.#restores]) vms.zero({ driver });
    for (const operation of NETWORK_OPERATIONS) this.#network.zero({ operation });
  }

  #addProcess(collectors: Collectors): void {
    // Its own measure of the loop ticks for the first time after 24 days.
    const quiet = { eventLoopMonitoringPrecision: LONGEST_MS };
    collectDefaultMetrics({ register: this.#registry, prefix: 'berth_', ...quiet });
    addLoopLag(collectors, this.#registry);
    // These gauges repeat others under a counter's name.
    for (const kind of ['handles', 'requests', 'resources'])
      this.#registry.removeSingleMetric(`berth_nodejs_active_${kind}_total`);
  }
}
