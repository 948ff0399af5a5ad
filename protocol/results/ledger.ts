// The ledger: what there is, what is promised and used, and whether more would fit.
import * as z from 'zod';
import { plannedVictim, refusal, victim } from './common.js';
import { at, bytes, cores, count, id, milliseconds, scope, share, tenant, texts, workloadClass } from './words.js';

export const capacityRow = z.strictObject({
  scope: scope.describe(
    'host, tenant/NAME, kind/DRIVER, engine/ENGINE, bridge/NAME, licence/NAME or tenant/NAME/licence/NAME',
  ),
  dimension: z.string(),
  capacity: z
    .number()
    .nullable()
    .describe('what there is, before reserve and overcommit; null: not known, or without end'),
  kept: z.number().describe('of the capacity, what is not given out'),
  allocatable: z.number().nullable().describe('what may be committed, or the quota; null: no limit'),
  committed: z.number().describe('promised to workloads'),
  reserved: z.number().describe('set aside by reservations, beside what is committed'),
  used: z.number().nullable().describe('as measured; null: it is not'),
  guaranteed: z.number().optional().describe('kept free for this tenant'),
});

export const windowState = z.strictObject({
  name: z.string(),
  active: z.boolean(),
  from: at
    .nullable()
    .describe('of the window that is open, or of the next one, Unix milliseconds; null: none in sight'),
  until: at.nullable(),
  changes: z
    .record(z.string(), z.union([z.number(), z.string()]))
    .describe('keys of the section density, and their values meanwhile'),
});

export const ceiling = z.strictObject({
  name: z.string().describe('a limit of the kernel'),
  limit: z.number(),
  used: z.number().nullable(),
});

export const reservationView = z.strictObject({
  reservation: z.string().describe('what workload.create and workload.release take'),
  id,
  tenant,
  scheduler: z.string().nullable().describe('who made it; null: somebody on the local socket'),
  expiresAt: at,
});

export const overheadView = z.strictObject({
  driver: z.string(),
  size: z.string().nullable().describe('VMs of up to so many vcpus and so much memory; null: nothing was measured'),
  configured: bytes,
  measured: z.number().nullable().describe('98th percentile and a tenth, bytes; null: nothing was measured'),
  samples: count,
  runs: count.describe('starts of VMs that were measured'),
  counts: z.enum(['configured', 'measured']).describe('what the next one is counted with'),
  counted: z.number().describe('bytes'),
  surcharge: z.number().describe('bytes for each workload of the kind besides'),
});

const figure = z.strictObject({
  mean: z.number(),
  independent: z.number().describe('98th percentile of the sum, if peaks have nothing to do with each other'),
  worst: z.number().describe('all at their peak at once'),
});

const advice = z.strictObject({
  class: workloadClass,
  resource: z.enum(['cpu', 'memory']),
  ratio: z.number().nullable().describe('overcommit that the use allows; null: too little is known'),
  basis: z.strictObject({
    figure: z.enum(['independent', 'worst']),
    percentile: z.union([z.literal(98), z.literal(100)]),
    promised: z.number(),
    expected: z.number(),
    workloads: count,
    known: count.describe('of those: with a prediction that is more than a day old'),
    share: share.describe('of what is promised, that of those; 0 to 1'),
    samples: count,
    ageMs: milliseconds.nullable().describe('of the youngest prediction that was used; null: none was'),
  }),
  reason: z.string(),
});

export const predictionView = z.strictObject({
  mode: z.literal('advise'),
  forecast: z.strictObject({
    cpu: figure.describe('cores'),
    memory: figure.describe('bytes'),
    workloads: count,
    unknown: count.describe('workloads without a sample, counted as they are promised'),
  }),
  advice: z.array(advice),
});

export const fitsAnswer = z.strictObject({
  fits: z.boolean(),
  refusals: z.array(refusal).describe('the first is what the workload would be refused for'),
  more: count.nullable().describe('how many of this shape could be admitted now; null: nothing limits them'),
  room: z
    .array(z.strictObject({ scope, dimension: z.string(), more: count }))
    .describe('the same by dimension, the scarcest first'),
  wouldGo: z
    .array(victim)
    .nullable()
    .describe('workloads without which it would fit; null: it fits, or no such set would do'),
  preemption: z
    .strictObject({
      mode: z.enum(['off', 'class', 'priority']).describe('density.preemption of this node'),
      victims: z.array(plannedVictim).describe('in the order in which they are asked to stop'),
      left: z.array(refusal).describe('what would stand in the way even so'),
    })
    .nullable()
    .describe('asked with preempt, and it does not fit; null otherwise'),
  downgraded: texts.describe('licences it would run without'),
});

const amounts = z.record(z.string(), z.number());

export const tenantView = z.strictObject({
  name: z.string(),
  quota: amounts.describe('by dimension, in cores, bytes, pieces'),
  guaranteed: amounts,
  licences: amounts,
  limits: z
    .strictObject({
      memory: bytes.optional(),
      swap: bytes.optional(),
      cpu: cores.optional(),
      cpuWeight: z.number().optional(),
      pids: count.optional(),
      descendants: count.optional().describe('cgroups below it'),
      io: z
        .array(
          z.strictObject({
            device: z.string(),
            readBps: z.number().optional(),
            writeBps: z.number().optional(),
            readIops: z.number().optional(),
            writeIops: z.number().optional(),
            weight: z.number().optional(),
            latency: z.number().optional().describe('to protect, microseconds'),
          }),
        )
        .optional(),
    })
    .describe('of the cgroup of the tenant; an absent one is not limited'),
  sources: z
    .record(z.string(), z.enum(['file', 'protocol', 'window', 'default']))
    .describe('where each setting comes from'),
  allow: texts.describe('grants of its workloads, whoever creates them'),
  rows: z.array(capacityRow),
  over: texts.describe('dimensions in which it has more than its quota: nothing that needs them starts'),
});

export const licenceView = z.strictObject({
  name: z.string(),
  per: z.enum(['instance', 'vcpu', 'core', 'socket']),
  onExhausted: z.enum(['refuse', 'downgrade']),
  count: z.number().describe('locked to this node'),
  leases: z.array(z.strictObject({ scheduler: z.string(), count: z.number(), expiresAt: at })),
  total: z.number().describe('of both together'),
  inUse: z.number(),
  reserved: z.number(),
  holders: z.array(z.strictObject({ workload: id, tenant, count: z.number() })).describe('by id'),
  moreHolders: count.optional().describe('so many are not listed; absent: none'),
});

export const auditEntry = z.strictObject({
  at,
  type: z.enum(['grant', 'return', 'lease', 'expire', 'downgrade']),
  licence: z.string(),
  count: z.number(),
  workload: id.optional(),
  tenant: tenant.optional(),
  scheduler: z.string().optional(),
  note: z.string().optional().describe('why it is written only now'),
});
