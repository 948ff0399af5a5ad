// What the host as a whole uses, between two rounds of the sampler. Others than berth's workloads are in it, too.
import { type CpuTicks, readCpuTicks, readMemInfo } from '../../linux/proc.js';
import { type HostStalls, hostStalls, pressureBetween, someOf } from '../density/governor/pressure.js';

/** Shares of time (0-1) in which some task waited; null: the kernel keeps none, or not yet two samples. */
export interface PressureShares {
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly io: number | null;
}

export interface HostUse {
  readonly cpus: number;
  /** Cores in use; null before the second sample. */
  readonly cpu: number | null;
  readonly memoryBytes: number;
  /** What programs could not have without swapping: MemTotal - MemAvailable. */
  readonly memoryUsedBytes: number | null;
  readonly pressure: PressureShares;
}

interface Sample {
  /** Milliseconds, only rising. */
  readonly at: number;
  readonly ticks: CpuTicks;
  readonly memory: ReadonlyMap<string, number>;
  readonly stalls: HostStalls | undefined;
}

interface HostSize {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export class HostLoad {
  readonly #host: HostSize;
  readonly #proc: string;
  #before: Sample | undefined;
  #last: Sample | undefined;

  /** `host` is asked each time. */
  constructor(host: HostSize, proc = '/proc') {
    this.#host = host;
    this.#proc = proc;
  }

  /** Takes a sample: five small files. Throws SysError. */
  sample(now: number): void {
    const next = {
      at: now,
      ticks: readCpuTicks(this.#proc),
      memory: readMemInfo(this.#proc),
      stalls: hostStalls(this.#proc),
    };
    [this.#before, this.#last] = [this.#last, next];
  }

  use(): HostUse {
    const last = this.#last;
    const available = last?.memory.get('MemAvailable');
    return {
      cpus: this.#host.cpus,
      cpu: this.#cores(),
      memoryBytes: this.#host.memoryBytes,
      memoryUsedBytes: available === undefined ? null : (last?.memory.get('MemTotal') ?? 0) - available,
      pressure: this.#pressure(),
    };
  }

  /** Totals since boot as they were at the last sample; undefined before it, and where the kernel keeps none. */
  stalls(): HostStalls | undefined {
    return this.#last?.stalls;
  }

  #cores(): number | null {
    const [before, last] = [this.#before?.ticks, this.#last?.ticks];
    if (before === undefined || last === undefined || last.total <= before.total) return null;
    const [total, idle] = [last.total - before.total, last.idle - before.idle];
    // iowait may go back (proc_stat(5)).
    return this.#host.cpus * Math.min(1, Math.max(0, 1 - idle / total));
  }

  #pressure(): PressureShares {
    const [before, last] = [this.#before, this.#last];
    const shares =
      before && last ? pressureBetween(someOf(before.stalls), someOf(last.stalls), last.at - before.at) : {};
    return { cpu: shares.cpu ?? null, memory: shares.memory ?? null, io: shares.io ?? null };
  }
}
