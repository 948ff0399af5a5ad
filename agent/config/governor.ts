// Section [governor]: how fast workloads may start, and what slows that down.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';

const perCore = (most: number) => z.number().positive().max(most);
const share = z.number().positive().max(1);

export const governorSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'false: every start begins at once' }),
    rate: perCore(1000).default(2).meta({ description: 'starts per second and core, to begin with' }),
    ceiling: perCore(1000).default(5).meta({ description: 'starts per second and core at most, when all is calm' }),
    floor: perCore(1000)
      .default(0.5)
      .meta({ description: 'starts per second and core that pressure leaves, however long it lasts' }),
    burst: z.number().int().min(0).max(100_000).default(0).meta({
      description: 'starts that may begin at once after a quiet time; 0: a second of the rate',
    }),
    in_flight: z.number().int().min(0).max(100_000).default(0).meta({
      description: 'starts under way at once at most; 0: half the cores, at least 2',
    }),
    settle: duration({ most: '1d' })
      .default('0s')
      .meta({ description: 'a start counts as under way for this long after its process runs' }),
    max_queue: z.number().int().min(0).max(1_000_000).default(0).meta({
      description: 'longer than this, new workloads are refused; 0: a minute of the rate',
    }),
    max_wait: duration({ least: '1s' })
      .default('5m')
      .meta({ description: 'a new workload that waited longer has failed; others wait' }),
    cpu_pressure: share.default(0.6).meta({ description: 'share of time that tasks wait for a cpu, above it: slower' }),
    io_pressure: share
      .default(0.4)
      .meta({ description: 'share of time that tasks wait for the disk, above it: slower' }),
    memory_pressure: share
      .default(0.1)
      .meta({ description: 'share of time that tasks wait for memory, above it: slower' }),
    network_latency: duration({ least: '1ms' })
      .default('100ms')
      .meta({ description: 'of one network operation, above it: slower' }),
    start_latency_factor: z
      .number()
      .min(1.5)
      .max(100)
      .default(4)
      .meta({ description: 'times longer than usual that a start takes, above it: slower' }),
  })
  .refine((g) => g.floor <= g.rate, { message: 'must not be above governor.rate', path: ['floor'] })
  .refine((g) => g.rate <= g.ceiling, { message: 'must not be above governor.ceiling', path: ['rate'] });

export type GovernorConfig = z.output<typeof governorSchema>;
