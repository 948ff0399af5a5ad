// What all workloads of the host are going to use together.
import type { Prediction, Quantity } from './predictor.js';

/** One workload. `promised`: what the ledger counts for it, used where nothing is known of its shape. */
export interface Forecasted {
  readonly prediction: Prediction | undefined;
  readonly promised: { readonly cpu: number; readonly memory: number };
}

/** Cores or bytes. */
export interface HostFigure {
  /** What they use on the whole. */
  readonly mean: number;
  /** 98th percentile of the sum if their peaks have nothing to do with each other. */
  readonly independent: number;
  /** All of them at their peak at once. */
  readonly worst: number;
}

export interface Forecast {
  readonly cpu: HostFigure;
  readonly memory: HostFigure;
  readonly workloads: number;
  /** Workloads of which no sample exists; they are counted as they are promised. */
  readonly unknown: number;
}

/** Quantile 0.98 of the normal distribution. */
const Z98 = 2.054;

export function forecast(workloads: readonly Forecasted[]): Forecast {
  return {
    cpu: figure(workloads, 'cpu'),
    memory: figure(workloads, 'memory'),
    workloads: workloads.length,
    unknown: workloads.filter(({ prediction }) => prediction === undefined).length,
  };
}

/** The sum of many independent ones is normal enough; a sum is never below the highest single p98. */
function figure(workloads: readonly Forecasted[], of: 'cpu' | 'memory'): HostFigure {
  let [mean, variance, worst, highest] = [0, 0, 0, 0];
  for (const { prediction, promised } of workloads) {
    const use: Quantity | undefined = prediction?.[of];
    mean += use?.mean ?? promised[of];
    variance += use?.variance ?? 0;
    worst += use?.peak ?? promised[of];
    highest = Math.max(highest, use?.p98 ?? promised[of]);
  }
  const independent = Math.min(worst, Math.max(highest, (mean + Z98 * Math.sqrt(variance)) * 1.1));
  return { mean, independent, worst };
}
