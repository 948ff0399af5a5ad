// What became of a run: counted while it goes on, summed up at its end.

/** One reading of all hosts. */
export interface Reading {
  /** ms from the beginning */
  readonly at: number;
  readonly running: number;
  readonly queued: number;
  readonly starting: number;
  /** Cores wanted for each one there is. */
  readonly cpu: number;
  readonly memory: number;
  readonly cpuPressure: number;
  readonly memoryPressure: number;
  /** Starts a second that the governors allow. */
  readonly bound: number;
  readonly committedCpu: number;
}

export class Recorder {
  readonly readings: Reading[] = [];
  /** Seconds from asking for a turn to having it. */
  readonly waits: number[] = [];
  /** Seconds from the arrival, or the boot, until it is of use. */
  readonly readies: number[] = [];
  readonly refusals = new Map<string, number>();
  readonly storms: { readonly at: number; readonly size: number; over: number | undefined }[] = [];
  asked = 0;
  admitted = 0;
  expired = 0;
  oomKills = 0;
  /** Seconds in which workloads got less than nine tenths of the cpu that they wanted, or memory stalled them. */
  starvedSeconds = 0;
  /** Cpu wanted beyond what there is, in seconds of the whole host: how deep, not only how long. */
  excessSeconds = 0;
  stalledSeconds = 0;
  /** Of any host in any step. */
  readonly worst = { cpuPressure: 0, memoryPressure: 0, cpu: 0 };

  press(cpu: number, cpuPressure: number, memoryPressure: number): void {
    this.worst.cpu = Math.max(this.worst.cpu, cpu);
    this.worst.cpuPressure = Math.max(this.worst.cpuPressure, cpuPressure);
    this.worst.memoryPressure = Math.max(this.worst.memoryPressure, memoryPressure);
  }

  refuse(dimension: string): void {
    this.refusals.set(dimension, (this.refusals.get(dimension) ?? 0) + 1);
  }
}

export interface Outcome {
  readonly policy: string;
  readonly what: string;
  readonly asked: number;
  readonly admitted: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly expired: number;
  readonly running: { readonly mean: number; readonly most: number };
  readonly wait: Percentiles;
  readonly ready: Percentiles;
  readonly starvedSeconds: number;
  readonly excessSeconds: number;
  readonly stalledSeconds: number;
  readonly oomKills: number;
  readonly worst: { readonly cpuPressure: number; readonly memoryPressure: number; readonly cpu: number };
  /** Seconds until all that a storm asked for was of use or had failed; null: it was not over at the end. */
  readonly storms: readonly { readonly at: number; readonly size: number; readonly seconds: number | null }[];
  readonly readings: readonly Reading[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

export function outcomeOf({ name, what }: { name: string; what: string }, recorder: Recorder): Outcome {
  const { readings } = recorder;
  const most = readings.reduce((top, { running }) => Math.max(top, running), 0);
  const mean = readings.reduce((sum, { running }) => sum + running, 0) / Math.max(1, readings.length);
  return {
    ...{ policy: name, what, asked: recorder.asked, admitted: recorder.admitted, expired: recorder.expired },
    refusals: Object.fromEntries([...recorder.refusals].sort()),
    running: { mean, most },
    ...{ wait: percentiles(recorder.waits), ready: percentiles(recorder.readies) },
    ...{
      starvedSeconds: recorder.starvedSeconds,
      excessSeconds: recorder.excessSeconds,
      stalledSeconds: recorder.stalledSeconds,
      oomKills: recorder.oomKills,
    },
    worst: { ...recorder.worst },
    storms: recorder.storms.map(({ at, size, over }) => ({
      ...{ at, size, seconds: over === undefined ? null : (over - at) / 1000 },
    })),
    readings,
  };
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? 0 };
}
