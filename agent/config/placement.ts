// Section [placement]: who sits on which cpus. How many are kept for the host is density.reserved_cpu.
import * as z from 'zod';

export const placementSchema = z.strictObject({
  policy: z.enum(['static', 'none']).default('static').meta({
    description:
      'static: a guaranteed workload whose cpu limit is a whole number has that many cpus to itself; none: all cpus for all',
  }),
  smt: z.enum(['core', 'thread']).default('core').meta({
    description:
      'what is given away whole: core: physical cores, so that no other workload runs on a sibling thread; thread: single threads',
  }),
  numa: z.enum(['prefer', 'single', 'none']).default('prefer').meta({
    description:
      'exclusive cpus and their memory: prefer: on as few NUMA nodes as possible; single: on one, or refused; none: nodes do not matter',
  }),
});

export type PlacementConfig = z.output<typeof placementSchema>;
