// The node: its state, its starts, its pressure, who uses what.
import * as z from 'zod';
import { condition } from './common.js';
import {
  anything,
  at,
  count,
  id,
  labels,
  milliseconds,
  resource,
  role,
  scope,
  share,
  tenant,
  texts,
  workloadClass,
  workloadState,
} from './words.js';

export const sessionView = z.strictObject({
  role,
  tenants: texts.nullable().describe('that it covers; null: all'),
  allow: texts.nullable().describe('grants that it may use; null: all that the node grants'),
});

const drainRest = z.strictObject({
  id,
  tenant,
  state: workloadState,
  problem: z.string().nullable().describe('why it does not go'),
});

export const drainView = z.strictObject({
  phase: z.enum(['draining', 'incomplete', 'drained', 'lifting']),
  since: at.describe('of the first request, Unix milliseconds'),
  deadlineAt: at.nullable(),
  drainedAt: at.nullable().describe('Unix milliseconds; null: something is left'),
  graceMs: milliseconds.nullable().describe('between signal and kill; null: as each specification says'),
  keepClass: workloadClass.nullable().describe('of this class and above stay; null: none stay'),
  tenant: tenant.nullable(),
  selector: z.string().nullable(),
  total: count.describe('all that it is about: stopped, stopping and waiting'),
  stopped: count,
  stopping: count,
  waiting: count,
  left: z.array(drainRest).describe('the first of those that are stopping'),
});

export const drainStep = z.strictObject({
  id,
  tenant,
  class: workloadClass,
  priority: z.number().int(),
  state: workloadState,
  graceMs: milliseconds,
});

const signals = {
  cpu: z.number().optional().describe('pressure above the quiet level of the host, as a share'),
  io: z.number().optional(),
  memory: z.number().optional(),
  network: z.number().optional().describe('of one operation, milliseconds'),
  start: z.number().optional().describe('time of a start, as a multiple of the usual'),
};
const signal = z.enum(['cpu', 'io', 'memory', 'network', 'start']);

export const governorStatus = z.strictObject({
  enabled: z.boolean(),
  settling: count.describe('starts that have a permit and have not settled'),
  bound: count.describe('how many may, now; 0 while the host is out of memory'),
  maxSettling: count,
  queued: count,
  maxQueue: count,
  byPriority: z.array(z.strictObject({ priority: z.number().int(), queued: count })),
  byTenant: z.array(z.strictObject({ tenant, queued: count })),
  signals: z.strictObject(signals).describe('of the last interval'),
  limits: z.record(signal, z.number()).describe('above which the bound is lowered'),
  lastDecrease: z
    .strictObject({
      signal,
      value: z.number(),
      limit: z.number(),
      boundBefore: z.number(),
      bound: z.number(),
      agoMs: milliseconds,
    })
    .nullable(),
  waits: z
    .strictObject({ p50Ms: milliseconds, p99Ms: milliseconds })
    .nullable()
    .describe('of the last 512 starts; null before the first'),
  oldestWaitMs: milliseconds,
  totals: z
    .strictObject({ granted: count, refused: count, expired: count, decreases: z.record(signal, count) })
    .describe('since the agent runs'),
});

const action = z.enum(['suppress', 'reclaim', 'balloon', 'freeze', 'kill', 'release', 'deflate', 'thaw']);

export const pressureStatus = z.strictObject({
  mode: z.enum(['off', 'dry-run', 'enforce']),
  scopes: z
    .array(
      z.strictObject({
        scope,
        resource,
        level: z.enum(['calm', 'warn', 'act']),
        forMs: milliseconds.describe('how long it has had this level'),
        some: z.number().describe('milliseconds of stall in a second, of some task'),
        full: z.number().describe('of all tasks'),
        applied: z.array(
          z.strictObject({
            workload: id,
            step: z.enum(['suppress', 'balloon', 'freeze']),
            values: z.array(z.strictObject({ file: z.string(), value: z.string() })),
            bytes: z.number().describe('of the balloon'),
          }),
        ),
        coolDownMs: milliseconds.describe('until the next step up may be taken; 0: now'),
        idle: z.string().nullable().describe('why nothing was done at the last look'),
      }),
    )
    .describe('those that are not calm'),
  counts: z.array(z.strictObject({ action, dryRun: z.boolean(), count })),
  futile: count.describe('cgroups found in futile reclaim since the agent runs'),
  unobserved: z
    .array(z.strictObject({ key: z.string(), reason: z.string(), crowded: z.boolean() }))
    .describe('without a trigger of the kernel'),
});

export const nodeDescription = z.strictObject({
  name: z.string(),
  version: z.string(),
  bootId: z.string(),
  startedAt: at.describe('of the agent, Unix milliseconds'),
  ready: z.boolean(),
  cordoned: z.boolean(),
  drain: drainView.nullable().describe('null: the node is not drained, and was not'),
  labels,
  drivers: z.array(z.strictObject({ name: z.string(), usable: z.boolean(), reason: z.string() })),
  workloads: z.record(workloadState, count).describe('how many are in each state'),
  leaked: count.describe('objects of berth that nothing owns'),
  host: anything.describe('facts of the host, for people: kernel, cpus, memory, what other engines run'),
  pressure: pressureStatus,
  starts: governorStatus,
  conditions: z.array(condition),
});

const pressureShares = z.strictObject({ cpu: share.nullable(), memory: share.nullable(), io: share.nullable() });

export const startWait = z.strictObject({
  reason: z.literal('start_queue'),
  waitedMs: milliseconds,
  ahead: count.describe('starts that come first, as it looks now'),
  expectedMs: milliseconds.describe('until its permit, as fast as starts settle now'),
});

export const topRow = z.strictObject({
  id,
  tenant,
  driver: z.string(),
  class: workloadClass,
  state: workloadState,
  since: at.describe('of this state, Unix milliseconds'),
  restarts: count,
  waiting: startWait.nullable(),
  cpu: z.number().nullable().describe('cores in use between the last two samples'),
  cpuLimit: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  memoryLimitBytes: z.number().nullable(),
  pids: count.nullable(),
  pressure: pressureShares,
});

export const topDocument = z.strictObject({
  at,
  sampleAgeMs: milliseconds.nullable().describe('age of the last sample; null before the first'),
  node: z.strictObject({ name: z.string(), ready: z.boolean(), cordoned: z.boolean() }),
  host: z.strictObject({
    cpus: count,
    cpu: z.number().nullable().describe('cores in use; null before the second sample'),
    memoryBytes: z.number(),
    memoryUsedBytes: z.number().nullable().describe('what programs could not have without swapping'),
    pressure: pressureShares,
  }),
  starts: governorStatus,
  workloads: z.array(topRow),
});

const violation = z.strictObject({ cpu: z.number().int(), holder: z.string(), open: texts });

export const placementDescription = z.strictObject({
  policy: z.enum(['none', 'static']),
  capacity: z
    .strictObject({
      exclusive: count.describe('cpus that may be exclusive at all'),
      held: count,
      free: count,
      largestInNode: count.describe('the largest request that would sit on one NUMA node'),
      largestInCache: count.describe('and below one last-level cache'),
      isolated: count.describe('taken from the scheduler at boot, and free'),
      pool: count.describe('that all who share have together'),
      reserved: count.describe('of these, kept for the host'),
    })
    .describe('cpus'),
  pool: z.string().describe('as in cpuset.cpus: where all run that share'),
  cpus: z.array(
    z.strictObject({
      id: z.number().int(),
      core: z.number().int(),
      llc: z.number().int().describe('last-level cache'),
      socket: z.number().int(),
      node: z.number().int().describe('NUMA node'),
      use: z.enum(['exclusive', 'idle', 'shared', 'reserved', 'isolated']),
      holders: texts,
    }),
  ),
  workloads: z
    .array(
      z.strictObject({
        id,
        tenant,
        kind: z.enum(['exclusive', 'listed', 'shared']),
        cpus: z.string(),
        mems: z.string(),
        reason: z.string(),
      }),
    )
    .describe('those that asked for something'),
  sharing: count.describe('how many others there are'),
  violations: z.array(violation).describe('exclusive cpus on which others may run, too'),
  failures: z
    .array(z.strictObject({ id, reason: z.string(), attempts: count }))
    .describe('workloads whose cpus could not be set'),
});

export const cleanupStep = z.strictObject({
  kind: z.string().describe('cgroup, netns, link, process, directory'),
  name: z.string(),
  installation: z.string().nullable().describe('whose tag it carries; null: none'),
  action: z.enum(['remove', 'keep']),
  why: z.string(),
});

export const setting = z.strictObject({
  key: z.string().describe('as sysctl(8) names it'),
  before: z.number(),
  after: z.number(),
  now: z.number().describe('as read back'),
  problem: z.string().optional().describe('why it is not as wanted'),
});
