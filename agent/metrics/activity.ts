// Whether anything of a tenant has used cpu since the round before. The tenant's cgroup counts for all below it, so that one
// file answers for hundreds of workloads that sleep, which is what most of them do on a dense host.
import { parseCpuStat } from '../../cgroups/cpu.js';
import { openSampled, type SampledFile } from '../../cgroups/sampled-file.js';
import type { ReadBuffer } from '../../linux/read-buffer.js';

interface Seen {
  file: SampledFile | undefined;
  /** Microseconds; undefined: not known. */
  usage: number | undefined;
  quiet: boolean;
  round: number;
}

export class Activity {
  readonly #directory: (tenant: string) => string;
  readonly #buffer: ReadBuffer;
  readonly #tenants = new Map<string, Seen>();
  #round = 0;

  constructor(directory: (tenant: string) => string, buffer: ReadBuffer) {
    this.#directory = directory;
    this.#buffer = buffer;
  }

  /** A new round begins; tenants that were not asked for in the last one are not kept open. */
  begin(): void {
    for (const [tenant, seen] of this.#tenants) if (seen.round < this.#round) this.#drop(tenant, seen);
    this.#round += 1;
  }

  /** What runs after this is seen in the next round. Where the kernel does not say, nothing is quiet. */
  quiet(tenant: string): boolean {
    const seen = this.#tenants.get(tenant) ?? { file: undefined, usage: undefined, quiet: false, round: 0 };
    if (seen.round === this.#round) return seen.quiet;
    seen.round = this.#round;
    this.#tenants.set(tenant, seen);
    const before = seen.usage;
    seen.usage = this.#usage(tenant, seen);
    seen.quiet = seen.usage !== undefined && seen.usage === before;
    return seen.quiet;
  }

  close(): void {
    for (const [tenant, seen] of this.#tenants) this.#drop(tenant, seen);
  }

  #usage(tenant: string, seen: Seen): number | undefined {
    try {
      seen.file ??= openSampled(`${this.#directory(tenant)}/cpu.stat`);
      return seen.file?.parse(this.#buffer, parseCpuStat)?.usageUsec;
    } catch {
      // Gone, perhaps made anew: its workloads say themselves what they do.
      seen.file?.close();
      seen.file = undefined;
      return undefined;
    }
  }

  #drop(tenant: string, { file }: Seen): void {
    file?.close();
    this.#tenants.delete(tenant);
  }
}
