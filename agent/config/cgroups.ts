// Section [cgroups]: what a workload gets where its spec says nothing, and how far berth goes against a second writer.
import * as z from 'zod';
import { parseSize } from '../base/units.js';

const swap = (fallback: string, who: string, file = 'memory.swap.max') =>
  z
    .string()
    .refine((s) => s === 'max' || parseSize(s) !== undefined, 'must be "max" or a size such as "0" or "512Mi"')
    .default(fallback)
    .meta({ description: `${file} of ${who} workloads whose spec names none` });

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
  zswap_guaranteed: swap('max', 'guaranteed', 'memory.zswap.max'),
  zswap_burstable: swap('max', 'burstable', 'memory.zswap.max'),
  zswap_besteffort: swap('max', 'besteffort', 'memory.zswap.max'),
  ksm: z.enum(['off', 'on']).default('off').meta({
    description: 'on: turn on the merging of equal pages for workloads that ask for it (resources.memory.ksm)',
  }),
  repairs: z.number().int().min(0).max(1000).default(5).meta({
    description:
      'times a limit that somebody else has changed is put back within ten minutes; then it is only reported',
  }),
});
