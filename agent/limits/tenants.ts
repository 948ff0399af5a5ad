// The cgroup of a tenant, above those of its workloads: what the configuration limits of the tenant as a whole, and the
// protection that its workloads are promised. memory.min and memory.low of a child count only up to those of its parents
// (cgroup-v2.rst, "memory.min"), so the tenant's are the sums of its workloads'.

import { setMaxListeners } from 'node:events';
import type * as z from 'zod';
import type { Limits, Value } from '../../cgroups/types.js';
import { defined } from '../../linux/defined.js';
import { abortWith } from '../../linux/signals.js';
import { BerthError } from '../../protocol/errors.js';
import { SerialByKey } from '../base/serial.js';
import type { ioDevice } from '../model/resources-spec.js';
import type { CgroupPort } from './cgroup-port.js';
import { BY_DEVICE, withDefaults } from './desired.js';
import { ioLimits } from './io.js';
import type { LimitContext } from './limits.js';
import { shrinkTo } from './shrink.js';

/** Bytes. */
export interface Protection {
  readonly min: number;
  readonly low: number;
}

export interface TenantGroupsOptions {
  readonly cgroups: Pick<CgroupPort, 'apply' | 'read' | 'lines' | 'differences' | 'shrinkMemory'>;
  readonly context: Pick<LimitContext, 'files' | 'device'>;
  /** As they are now. */
  readonly limits: (tenant: string) => TenantKernelLimits;
}

const NONE: Protection = { min: 0, low: 0 };

/** Everything a tenant's cgroup may be told, so that what is not asked for any more goes back to the kernel's default. */
const EVERYTHING: Limits = {
  cpu: { max: 1, weight: 1 },
  memory: { min: 1, low: 1, max: 1, swapMax: 1 },
  pids: { max: 1 },
  tree: { maxDescendants: 1 },
};

export class TenantGroups {
  readonly #options: TenantGroupsOptions;
  readonly #promises = new Map<string, Protection & { readonly tenant: string }>();
  readonly #sums = new Map<string, Protection>();
  readonly #writers = new SerialByKey();
  readonly #refused = new Map<string, string>();
  readonly #closing = new AbortController();

  constructor(options: TenantGroupsOptions) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal);
  }

  /** A workload is promised this, instead of what it was promised before; nothing with `null`. */
  promise(id: string, tenant: string, limits: Limits | null): void {
    const before = this.#promises.get(id);
    if (before !== undefined) this.#add(before.tenant, -before.min, -before.low);
    this.#promises.delete(id);
    const { min = 0, low = 0 } = limits?.memory ?? {};
    if (min === 0 && low === 0) return;
    this.#promises.set(id, { tenant, min, low });
    this.#add(tenant, min, low);
  }

  /** Of all tenants together. */
  total(): Protection {
    const all = [...this.#sums.values()];
    return { min: all.reduce((sum, { min }) => sum + min, 0), low: all.reduce((sum, { low }) => sum + low, 0) };
  }

  /**
   * What the tenant's cgroup should hold, as far as this kernel has the files. Which devices are limited the cgroup itself
   * is asked: the limit of one may have left the configuration while no agent ran, and nobody else is to write there.
   */
  desired(tenant: string): readonly Value[] {
    const { cgroups, context } = this.#options;
    const lines = cgroups.lines(
      tenant,
      BY_DEVICE.filter((file) => context.files.has(file)),
    );
    return withDefaults(this.#limitsOf(tenant), EVERYTHING, lines).filter(({ file }) => context.files.has(file));
  }

  /** Tenants whose memory cannot go down to its limit yet, and why. */
  refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  /** Calls off what lowers memory; nothing is lowered any more. */
  close(): void {
    this.#closing.abort(new BerthError('shutting_down', 'the agent is stopping'));
  }

  /**
   * Makes the cgroup of a tenant what it should be: reads, and writes what differs. Lower memory is reclaimed first; where
   * that does not do, everything else is applied and `refused` says so, also when the signal calls that off: the next audit
   * goes on with it. A tenant without cgroup is fine.
   */
  apply(tenant: string, signal?: AbortSignal): Promise<void> {
    return this.exclusive(tenant, () => this.#apply(tenant, signal));
  }

  /** Runs `work` when nobody else of the agent writes to this tenant's cgroup. */
  exclusive(tenant: string, work: () => Promise<void>): Promise<void> {
    return this.#writers.run(tenant, work);
  }

  async #apply(tenant: string, signal: AbortSignal | undefined): Promise<void> {
    const { cgroups } = this.#options;
    const found = cgroups.differences(tenant, this.desired(tenant));
    const memory = found.find(({ file }) => file === 'memory.max');
    const lowered = memory !== undefined && this.#isLower(tenant, memory) ? memory : undefined;
    const others = found.filter((value) => value !== lowered);
    if (others.length > 0) await cgroups.apply(tenant, others);
    this.#refused.delete(tenant);
    if (lowered !== undefined) await this.#shrink(tenant, Number(lowered.value), signal);
  }

  #isLower(tenant: string, wanted: Value): boolean {
    const [held] = this.#options.cgroups.read(tenant, [wanted]);
    return wanted.value !== 'max' && (held?.value === 'max' || Number(held?.value) > Number(wanted.value));
  }

  async #shrink(tenant: string, limit: number, asked: AbortSignal | undefined): Promise<void> {
    const end = new AbortController();
    const letGo = abortWith(end, asked, this.#closing.signal);
    try {
      await shrinkTo(this.#options.cgroups, tenant, limit, end.signal);
    } catch (error) {
      if (end.signal.aborted)
        this.#refused.set(tenant, `memory.max cannot become ${limit} yet: lowering it was called off`);
      else if (!(error instanceof BerthError)) throw error;
      else this.#refused.set(tenant, error.message);
    } finally {
      letGo();
    }
  }

  #limitsOf(tenant: string): Limits {
    const { context } = this.#options;
    const { memory, swap, cpu, cpuWeight, pids, descendants, io } = this.#options.limits(tenant);
    const { min, low } = this.#sums.get(tenant) ?? NONE;
    const devices = ioLimits(io, undefined, context.device);
    return {
      cpu: { ...defined({ max: cpu, weight: cpuWeight }) },
      memory: {
        ...{ min, low, oomGroup: false },
        ...defined({ max: memory, swapMax: swap }),
      },
      ...(devices.devices === undefined ? {} : { io: devices }),
      ...(pids === undefined ? {} : { pids: { max: pids } }),
      ...(descendants === undefined ? {} : { tree: { maxDescendants: descendants } }),
    };
  }

  #add(tenant: string, min: number, low: number): void {
    const sum = this.#sums.get(tenant) ?? NONE;
    const next = { min: sum.min + min, low: sum.low + low };
    if (next.min === 0 && next.low === 0) this.#sums.delete(tenant);
    else this.#sums.set(tenant, next);
  }
}

/** Of the cgroup of the tenant; bytes, cores, pieces. An absent one is not limited. */
export interface TenantKernelLimits {
  readonly memory?: number;
  readonly swap?: number;
  readonly cpu?: number;
  readonly cpuWeight?: number;
  readonly pids?: number;
  readonly descendants?: number;
  readonly io?: readonly z.output<typeof ioDevice>[];
}
