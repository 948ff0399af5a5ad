// How berth asks a workload whether it serves.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';
import { argument } from './process-spec.js';

/** Words of a command. */
const MOST_WORDS = 64;

const port = z.number().int().min(1).max(65_535);

const http = z.strictObject({
  port,
  path: z
    .string()
    .max(1024)
    .regex(/^\/[!-~]*$/, 'must be a path of printable ASCII that begins with "/"')
    .default('/'),
  status: z.number().int().min(100).max(599).optional().meta({
    description: 'of the answer; absent: any from 200 to 399',
  }),
});

export const healthSpec = z
  .strictObject({
    tcp: port.optional().meta({ description: 'a connection to this port is accepted' }),
    command: z.array(argument).min(1).max(MOST_WORDS).optional().meta({
      description:
        'argv of a program that berth runs inside the workload, as its user and in its cgroup; exit code 0: it is ready. Its output is dropped',
    }),
    http: http.optional().meta({ description: 'GET is answered; over plain HTTP/1.1' }),
    interval: duration({ least: '1s', most: '1h' }).max(32).default('10s').meta({
      description: 'pause after each probe; 1s before the first probe, and during startPeriod until a probe succeeds',
    }),
    timeout: duration({ least: '100ms', most: '30s' })
      .max(32)
      .default('3s')
      .meta({ description: 'of one probe, all of it' }),
    retries: z.number().int().min(1).max(100).default(3).meta({
      description:
        'failed probes in a row after which the workload is not ready; unless restart.policy is `never`, berth then kills it (cause `health`)',
    }),
    startPeriod: duration({ most: '1h' }).max(32).default('0s').meta({
      description: 'after its start, in which failures do not count',
    }),
  })
  .refine(
    ({ command, tcp, http }) => [command, tcp, http].filter((one) => one !== undefined).length === 1,
    'needs exactly one of command, tcp and http',
  );

export type HealthSpec = z.output<typeof healthSpec>;
