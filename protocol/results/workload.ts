// A workload: its record as it is shown, and its output.
import * as z from 'zod';
import { errorReport, victim } from './common.js';
import { startWait } from './node.js';
import { anything, at, bytes, count, id, labels, milliseconds, tenant, texts, workloadState } from './words.js';

const processRecord = z.strictObject({
  pid: z.number().int(),
  startTime: z.number().describe('clock ticks since boot, field 22 of /proc/PID/stat'),
  startedAt: at,
});

const memoryFigures = {
  limit: bytes.nullable().describe('memory.max; null: no limit, or not counted'),
  current: bytes.nullable().describe('memory.current'),
  peak: bytes.nullable().describe('memory.peak'),
};

const pressureShare = z.strictObject({
  some: z.number().nullable().describe('percent of the time'),
  full: z.number().nullable(),
});

export const endRecord = z.strictObject({
  at,
  code: z.number().int().nullable().describe('exit code'),
  signal: z.string().nullable(),
  cause: z
    .enum([
      ...(['limit', 'tenant', 'host', 'guest', 'vmm', 'pressure', 'health', 'signal', 'exit', 'stopped'] as const),
      ...(['suspended', 'preempted', 'quota', 'drained', 'start', 'lost'] as const),
    ])
    .describe('limit, tenant, host: memory limit at which the kernel killed it; pressure, health: berth killed it'),
  detail: z.string().describe('one sentence with the figures'),
  process: processRecord.optional().describe('absent: no process of it ran'),
  actor: z.enum(['kernel', 'berth', 'guest', 'unknown']).optional().describe('who killed it'),
  by: z.strictObject({ workload: id, tenant }).optional().describe('for whom it was preempted'),
  victim: z
    .strictObject({ pid: z.number().int(), command: z.string(), memory: bytes })
    .optional()
    .describe('the process that the kernel killed'),
  memory: z
    .strictObject({ ...memoryFigures, tenant: z.strictObject(memoryFigures) })
    .optional()
    .describe('limits and usage when the end was seen'),
  pressure: z
    .array(
      z.strictObject({ at, cpu: pressureShare, memory: pressureShare, io: pressureShare, bytes: bytes.nullable() }),
    )
    .optional()
    .describe('the last 60 s, oldest first'),
});

const attachment = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('routed') }),
  z.strictObject({
    mode: z.literal('bridge'),
    bridge: z.string(),
    prefix: z.number().int(),
    gateway: z.string().nullable(),
    prefix6: z.number().int().nullable(),
    gateway6: z.string().nullable(),
    isolated: z.boolean(),
    vlan: z.number().int().nullable(),
  }),
]);

export const sandbox = z.strictObject({
  cgroup: z.string(),
  cgroupPath: z.string(),
  netns: z.string().nullable().describe('name of its network namespace'),
  netnsPath: z.string().nullable(),
  hostLink: z.string().nullable().describe('the end of its veth pair on the host'),
  tap: z.string().nullable(),
  address: z.string().nullable(),
  address6: z.string().nullable(),
  mac: z.string().nullable(),
  mtu: z.number().int().nullable(),
  group: z.number().int().nullable().describe('IFLA_GROUP of its links: the number of its tenant'),
  attachment: attachment.nullable(),
  guestAddress: z.string().nullable().optional().describe('what the guest of a clone takes for its address'),
  vsockId: z.number().int().nullable().describe('of the guest, for AF_VSOCK'),
  baseline: z
    .strictObject({
      name: z.string(),
      rxBytes: count,
      txBytes: count,
      rxPackets: count,
      txPackets: count,
      rxDropped: count,
      txDropped: count,
    })
    .nullable()
    .describe('counters of its link before it had it'),
  kernelIp: z.string().nullable().describe('ip= for the kernel of a guest behind the tap'),
});

export const roomWait = z.strictObject({
  reason: z.literal('preemption'),
  waitedMs: milliseconds,
  for: z.array(z.strictObject({ id, tenant, state: workloadState, problem: z.string().nullable() })),
});

export const workloadView = z.strictObject({
  id,
  spec: anything.describe('WorkloadSpec with its defaults; values of secrets are never in it'),
  desired: z.enum(['running', 'frozen', 'stopped', 'deleted']).describe('what was asked for last'),
  state: workloadState,
  since: at.describe('of this state, Unix milliseconds'),
  createdAt: at,
  generation: count.describe('raised by every accepted create and update; see ifGeneration'),
  sandbox: sandbox.describe('what it holds in the kernel'),
  process: processRecord.nullable().describe('its main process; null: none runs'),
  killed: z
    .strictObject({ by: z.enum(['pressure', 'health']), detail: z.string(), at, bootMs: milliseconds.optional() })
    .nullable()
    .describe('a kill that is decided'),
  restarts: count.describe('by its policy, ever'),
  restart: z
    .strictObject({
      attempts: count.describe('starts by the policy since the last good run'),
      gaveUp: z.boolean().describe('maxRetries does not allow another start'),
      nextAt: at.nullable().describe('of the next start, Unix milliseconds; null: none waits'),
    })
    .describe('how its restart policy stands'),
  restartRequested: z.boolean().describe('a restart was asked for and has not happened yet'),
  end: endRecord.nullable().describe('of its last run'),
  error: errorReport.nullable().describe('why it failed or waits'),
  downgraded: texts.optional().describe('licences it was admitted without'),
  overhead: z.number().optional().describe("bytes counted for the driver's own memory"),
  image: z.strictObject({ name: z.string(), digest: z.string() }).optional(),
  evicted: z
    .strictObject({
      cause: z.enum(['preempted', 'quota', 'drained']),
      by: z.strictObject({ workload: id, tenant }).optional(),
      graceMs: milliseconds.optional(),
      resumes: z.enum(['running', 'frozen']).optional().describe('what it is again when the drain is lifted'),
      detail: z.string(),
      at,
    })
    .nullable()
    .optional()
    .describe('it has to go for others, or for a drain'),
  preemption: z
    .strictObject({ at, victims: z.array(victim), why: z.string(), waitingFor: texts })
    .nullable()
    .optional()
    .describe('what had to be done for its room'),
  saved: z
    .strictObject({
      of: id,
      name: z.string(),
      phase: z.enum(['writing', 'waiting', 'resuming']),
      address: z.string().nullable(),
      address6: z.string().nullable(),
    })
    .nullable()
    .optional()
    .describe('the snapshot that it is written to, or begins with'),
  limits: labels.optional().describe('files of its cgroup as the kernel has them'),
  ksm: z
    .strictObject({ mergingPages: count, profit: z.number().describe('bytes saved; may be negative') })
    .optional()
    .describe('what merging of equal pages saves'),
  ready: z.boolean().optional().describe('whether its health probe succeeds; absent: it has none'),
  waiting: z.union([startWait, roomWait]).optional().describe('for its permit to start, or for its room'),
});

export const fieldChange = z.strictObject({
  field: z.string().describe('dotted: resources.memory.limit'),
  from: z.unknown().optional(),
  to: z.unknown().optional(),
});

export const logChunk = z.strictObject({
  next: count.describe('pass back as offset to go on'),
  text: z.string().describe('UTF-8, whole characters; empty where base64 is there'),
  base64: z.string().optional().describe('the bytes as they were written'),
  end: z.boolean().describe('there is no more now'),
  missing: count.optional().describe('bytes from offset on that are no longer kept'),
  times: z
    .array(z.strictObject({ offset: count, at }))
    .optional()
    .describe('when the bytes from each position on came'),
});

export const snapshotView = z.strictObject({
  workload: id,
  name: z.string(),
  tenant,
  driver: z.string(),
  at,
  bootId: z.string().describe('boot of the host in which it was made'),
  live: z.boolean().describe('the guest went on; otherwise it goes with the next start of its workload'),
  spec: z.string().describe('digest of the part of the specification that makes the machine'),
  fit: labels.describe('what the host and the machine must have in common with it'),
  address: z.string().nullable(),
  address6: z.string().nullable(),
  files: z.array(z.strictObject({ name: z.string(), bytes, sha256: z.string() })),
});

export const volumeName = z.strictObject({ tenant, name: z.string() });

export const volumeView = volumeName.extend({
  createdAt: at,
  usedBy: texts.describe('workloads whose specification mounts it, by id'),
  moreUsers: count.optional().describe('so many are not listed; absent: none'),
});
