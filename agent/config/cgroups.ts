// Section [cgroups]: what a workload gets where its spec says nothing, and how far berth goes against a second writer.
// And what the configuration may limit of a tenant as a whole.
import * as z from 'zod';
import { ioDevice, size } from '../workload/resources-spec.js';
import { parseSize } from '../workload/units.js';

const swap = (fallback: string, who: string) =>
  z
    .string()
    .refine((s) => s === 'max' || parseSize(s) !== undefined, 'must be "max" or a size such as "0" or "512Mi"')
    .default(fallback)
    .meta({ description: `memory.swap.max of ${who} workloads whose spec names none` });

export const cgroupsSchema = z.strictObject({
  cpu_burst: z.number().min(0).max(1).default(0.2).meta({
    description: 'cpu.max.burst where a spec names none, as a share of its quota; 0: none',
  }),
  protect: z.boolean().default(true).meta({
    description:
      'protect what is promised from reclaim: memory.min of guaranteed workloads, memory.low of burstable ones',
  }),
  swap_guaranteed: swap('0', 'guaranteed'),
  swap_burstable: swap('max', 'burstable'),
  swap_besteffort: swap('max', 'besteffort'),
  ksm: z.enum(['off', 'on']).default('off').meta({
    description: 'on: turn on the merging of equal pages for workloads that ask for it (resources.memory.ksm)',
  }),
  repairs: z.number().int().min(0).max(1000).default(5).meta({
    description:
      'times a limit that somebody else has changed is put back within ten minutes; then it is only reported',
  }),
});

/** Of the tenant's own cgroup, above its workloads: what they may have together, whatever each of them has. */
export const tenantLimits = z
  .strictObject({
    memory: size.optional().meta({ description: 'memory.max' }),
    swap: size.optional().meta({ description: 'memory.swap.max' }),
    cpu: z.number().min(0.01).max(4096).optional().meta({ description: 'cores: cpu.max' }),
    cpu_weight: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: 'cpu.weight against other tenants' }),
    pids: z.number().int().min(1).max(4_194_304).optional().meta({ description: 'pids.max' }),
    descendants: z.number().int().min(1).max(1_000_000).optional().meta({ description: 'cgroup.max.descendants' }),
    io: z.array(ioDevice).max(64).optional().meta({ description: 'of block devices, as in the spec of a workload' }),
  })
  .meta({ description: 'limits of the cgroup of the tenant, enforced by the kernel' });

export type TenantLimits = z.output<typeof tenantLimits>;
