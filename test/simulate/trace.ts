// A day as a host sees it: who asks for what and when, how long it lives, and when the host boots. Recorded or generated.
import { readFileSync } from 'node:fs';
import * as z from 'zod';

const positive = z.number().positive();

const arrival = z.strictObject({
  /** Milliseconds from the beginning. */
  at: z.number().min(0),
  id: z.string().min(1),
  tenant: z.string().min(1),
  priority: z.number().int().min(0).max(1000).default(100),
  /** A word of your own; workloads with the same one are summed up in the report. */
  shape: z.string().min(1),
  /** Cores and bytes, as in a spec. */
  cpu: z.strictObject({ request: positive, limit: positive }),
  memory: z.strictObject({ request: positive, limit: positive }),
  /** Once it is ready; null: until the end of the trace. */
  lifetimeMs: positive.nullable(),
  /** Seconds of one core that the agent and the driver need until the process runs. */
  startCpu: positive.default(0.05),
  /** Seconds of cpu that the program itself needs until it is of use, and on how many cores it works at that. */
  boot: z.strictObject({ cpu: z.number().min(0), cores: positive.default(1) }).prefault({ cpu: 0 }),
  /** Cores in use on average once it is ready. */
  use: z.number().min(0).default(0),
});

const trace = z.strictObject({
  version: z.literal(1),
  name: z.string().default('recorded'),
  durationMs: positive,
  /** Moments at which the host boots: all that runs is gone and wants to start again. */
  boots: z.array(z.number().min(0)).default([]),
  arrivals: z.array(arrival),
});

export type Arrival = z.output<typeof arrival>;
export type Trace = z.output<typeof trace>;

/** Throws an Error that names the field. */
export function parseTrace(text: string): Trace {
  const result = trace.safeParse(JSON.parse(text));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new Error(`the trace is not valid: ${issue?.path.map(String).join('.')}: ${issue?.message}`);
  }
  const ids = new Set<string>();
  for (const { id } of result.data.arrivals) {
    if (ids.has(id)) throw new Error(`the trace is not valid: there are two arrivals "${id}"`);
    ids.add(id);
  }
  return { ...result.data, arrivals: result.data.arrivals.sort((a, b) => a.at - b.at) };
}

export function readTrace(path: string): Trace {
  return parseTrace(readFileSync(path, 'utf8'));
}
