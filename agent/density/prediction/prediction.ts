// Learning on this host: a sample of every running workload each minute, a checkpoint each ten, and what follows for the
// host when somebody asks.
import type { WorkloadSpec } from '../../model/spec.js';
import type { DamagedCheckpoint } from '../checkpoint.js';
import { type Advice, advise } from './advise.js';
import type { Checkpoint } from './checkpoint.js';
import { type Forecast, forecast } from './forecast.js';
import { type Prediction, Predictor } from './predictor.js';
import { type Counters, Rates } from './rates.js';
import { shapeOf } from './shape.js';

export interface Observed {
  readonly id: string;
  readonly spec: WorkloadSpec;
  /** As the ledger counts it. */
  readonly promised: { readonly cpu: number; readonly memory: number };
  /** Undefined: it is not running, or was not sampled yet. */
  readonly counters: Counters | undefined;
}

export interface PredictionPorts {
  readonly checkpoint: Pick<Checkpoint, 'load' | 'save'>;
  /** All workloads that hold a share of the ledger. */
  observed(): readonly Observed[];
  /** Unix ms: what was learned outlives the boot. */
  now(): number;
  setTimer(ms: number, run: () => void): () => void;
  /** What was learned is set aside; it is learned anew. */
  onDamaged(damaged: DamagedCheckpoint): void;
  /** A checkpoint could not be read or written. */
  onError(error: unknown, message: string): void;
}

/** What is expected of the host, and what follows from it. */
export interface Outcome {
  readonly forecast: Forecast;
  readonly advice: readonly Advice[];
}

const SAMPLE_MS = 60_000;
const SAVE_EVERY = 10;

export class PredictionService {
  readonly #ports: PredictionPorts;
  readonly #predictor = new Predictor();
  readonly #rates = new Rates();
  /** A spec is never changed, only replaced. */
  readonly #shapes = new WeakMap<WorkloadSpec, string>();
  #samples = 0;
  #cancel: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(ports: PredictionPorts) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    try {
      const { record, damaged } = await this.#ports.checkpoint.load();
      if (damaged) this.#ports.onDamaged(damaged);
      this.#predictor.restore(record);
    } catch (error) {
      this.#ports.onError(error, 'what was learned of use could not be read');
    }
    this.#next();
  }

  /** With a last checkpoint. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#save();
    await this.#saving;
  }

  outcome(): Outcome {
    const now = this.#ports.now();
    const known = new Map<string, Prediction | undefined>();
    const workloads = this.#ports.observed().map(({ spec, promised }) => {
      const shape = this.#shapeOf(spec);
      if (!known.has(shape)) known.set(shape, this.#predictor.predict(shape, now));
      return { class: spec.class, promised, prediction: known.get(shape) };
    });
    return { forecast: forecast(workloads), advice: advise(workloads) };
  }

  #next(): void {
    this.#cancel = this.#ports.setTimer(SAMPLE_MS, () => {
      this.#sample();
      this.#samples += 1;
      if (this.#samples % SAVE_EVERY === 0) this.#save();
      this.#next();
    });
  }

  #sample(): void {
    const now = this.#ports.now();
    const observed = this.#ports.observed();
    for (const { id, spec, counters } of observed) {
      const use = counters && this.#rates.between(id, counters);
      if (use !== undefined) this.#predictor.observe(this.#shapeOf(spec), use, now);
    }
    this.#rates.keep(new Set(observed.map(({ id }) => id)));
  }

  #shapeOf(spec: WorkloadSpec): string {
    const shape = this.#shapes.get(spec) ?? shapeOf(spec);
    this.#shapes.set(spec, shape);
    return shape;
  }

  #save(): void {
    const record = this.#predictor.record(this.#ports.now());
    this.#saving = this.#saving
      .then(() => this.#ports.checkpoint.save(record))
      .catch((error: unknown) => this.#ports.onError(error, 'what was learned of use could not be written'));
  }
}
