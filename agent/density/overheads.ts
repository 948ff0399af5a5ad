// What a driver itself needs beside what its workloads were promised: as configured, until enough of them were measured.
import type { DriverName } from '../workload/spec.js';

/** So many measurements before they count more than the configuration. */
const ENOUGH = 20;
const KEPT = 512;
const QUANTILE = 0.99;
/** What is measured is what was, not what will be. */
const MARGIN = 1.1;

export interface MeasuredOverhead {
  readonly samples: number;
  /** Bytes; null until there are enough samples. */
  readonly bytes: number | null;
}

export class Overheads {
  readonly #samples = new Map<DriverName, number[]>();
  readonly #measured = new Map<DriverName, number>();

  /** One workload of this driver needed so many bytes more than it was promised. Others are forgotten, oldest first. */
  observe(driver: DriverName, bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes < 0) return;
    const samples = this.#samples.get(driver) ?? [];
    this.#samples.set(driver, samples);
    samples.push(bytes);
    if (samples.length > KEPT) samples.shift();
    if (samples.length < ENOUGH) return;
    const sorted = [...samples].sort((a, b) => a - b);
    const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * QUANTILE) - 1);
    this.#measured.set(driver, Math.ceil((sorted[at] ?? 0) * MARGIN));
  }

  /** Bytes to count for one workload. Driver and configuration agree on `configured`. */
  of(driver: DriverName, configured: number): number {
    return this.#measured.get(driver) ?? configured;
  }

  measured(driver: DriverName): MeasuredOverhead {
    return { samples: this.#samples.get(driver)?.length ?? 0, bytes: this.#measured.get(driver) ?? null };
  }
}
