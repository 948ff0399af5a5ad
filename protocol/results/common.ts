// What is wrong, who asked, and what does not fit.
import * as z from 'zod';
import { anything, id, role, scope, tenant, workloadClass } from './words.js';

export const condition = z.strictObject({
  code: z.string().describe('stable; what to test for'),
  severity: z.enum(['error', 'warning', 'info']),
  title: z.string(),
  why: z.string(),
  fix: z.string(),
  blocksReady: z.literal(true).optional().describe('/readyz answers 503 while it holds; absent: it does not'),
});

/** As `data` of an error of JSON-RPC. */
export const errorReport = z.strictObject({
  code: z.string().describe('see Errors'),
  message: z.string(),
  hint: z.string(),
  data: anything.optional().describe('figures for machines'),
});

export const actor = z.strictObject({
  role,
  scheduler: z.string().optional().describe('its id in the configuration, or the name in session.hello'),
  uid: z.number().int().optional().describe('of the peer on the local socket'),
  user: z.string().optional().describe('its name in /etc/passwd'),
  pid: z.number().int().optional().describe('of the process that connected'),
});

/** Amounts of memory are texts as in a specification, others numbers. */
const amount = z.union([z.number(), z.string()]);

export const refusal = z.strictObject({
  code: z.literal('admission_refused'),
  dimension: z.string().describe('what is short: a dimension of the ledger, ports, or cpus'),
  scope: scope.describe('of the ledger: host, tenant/NAME, kind/DRIVER, ...'),
  limit: amount.describe('memory as text, 256Mi; others as a number'),
  used: amount,
  requested: amount,
  shortBy: amount.describe('what is missing'),
  retryAfterMs: z.number().nullable().describe('null: nothing ends by itself'),
  hint: z.string(),
  holder: id.optional().describe('the workload that holds what was asked for, where it is one'),
});

export const victim = z.strictObject({ id, tenant, class: workloadClass, priority: z.number().int() });

export const plannedVictim = victim.extend({
  excess: z.number().nullable().describe('measured use over request; null: not measured'),
  leaving: z.boolean().describe('it is on its way out already'),
  frees: z
    .array(z.strictObject({ scope, dimension: z.string(), amount }))
    .describe('of what is short, what its going frees'),
});
