// Section [governor]: how many starts may settle at once, and what lowers that.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';

const share = z.number().positive().max(1);

export const governorSchema = z.strictObject({
  enabled: z.boolean().default(true).meta({ description: 'false: every start begins at once' }),
  max_settling: z.number().int().min(0).max(100_000).default(0).meta({
    description: 'starts that settle at once at most, however calm the host is; 0: 32 for each core',
  }),
  settle_timeout: duration({ most: '1d' })
    .default('10s')
    .meta({ description: 'a start settles for this long at most after its process runs' }),
  max_queue: z.number().int().min(0).max(1_000_000).default(0).meta({
    description: 'longer than this, new workloads are refused; 0: 500 for each core',
  }),
  max_wait: duration({ least: '1s' })
    .default('5m')
    .meta({ description: 'a new workload that waited longer has failed; others wait' }),
  cpu_pressure: share
    .default(0.6)
    .meta({ description: 'share of time that tasks wait for a cpu, above it: fewer starts at once' }),
  io_pressure: share
    .default(0.4)
    .meta({ description: 'share of time that tasks wait for the disk, above it: fewer starts at once' }),
  memory_pressure: share
    .default(0.1)
    .meta({ description: 'share of time that tasks wait for memory, above it: one start at a time' }),
  network_latency: duration({ least: '1ms' })
    .default('100ms')
    .meta({ description: 'of one network operation, above it: fewer starts at once' }),
  start_latency_factor: z
    .number()
    .min(1.5)
    .max(100)
    .default(4)
    .meta({ description: 'times longer than usual that a start takes, above it: fewer starts at once' }),
});

export type GovernorConfig = z.output<typeof governorSchema>;
