// Sections [density], [tenant.NAME] and [licence.NAME], and what their keys must be to each other.
import * as z from 'zod';
import { parseSize } from '../base/units.js';
import { cores as coresOf, duration, sizeText } from '../base/values/amounts.js';
import { cronExpression } from '../base/values/cron.js';
import { DIMENSION_NAMES, DIMENSIONS, type DimensionName } from '../model/dimensions.js';
import { DRIVER_NAMES, type DriverName } from '../model/driver-kinds.js';
import { ioDevice } from '../model/resources-spec.js';
import { ID_PATTERN } from '../model/spec.js';
import { allowList, capabilityNames, mountTrees } from './drivers.js';

/** Above any machine: what is more is a slip of the finger, and would drift in floating point. */
const MOST = { pieces: 2 ** 32 - 1, cores: 1_000_000 } as const;

/** Bytes. Below this limit a slip of the finger (`1` for `1Gi`) would have the kernel kill everything of a tenant. */
export const LEAST_MEMORY = 2 ** 20;
const size = sizeText();
const count = z.number().int().min(0).max(MOST.pieces);
const cores = coresOf(0, MOST.cores);
const ratio = z.number().min(0.1).max(20);
export const tenantId = z.string().regex(ID_PATTERN, 'must be 1-63 of [a-z0-9-], not starting or ending with "-"');

type Amounts<V extends z.ZodType> = Readonly<Record<DimensionName, z.ZodOptional<V>>>;

/** One optional key for each dimension. */
function amounts(what: (unit: string, name: DimensionName) => string): Amounts<z.ZodType<number | string>> {
  const of = (name: DimensionName): z.ZodOptional<z.ZodType<number | string>> => {
    const { unit } = DIMENSIONS[name];
    const value = unit === 'bytes' ? size : unit === 'cores' ? cores : count;
    return (value as z.ZodType<number | string>).optional().meta({ description: what(unit, name) });
  };
  return Object.fromEntries(DIMENSION_NAMES.map((name) => [name, of(name)])) as unknown as Amounts<
    z.ZodType<number | string>
  >;
}

const words = (name: DimensionName): string => name.replaceAll('_', ' ');

/** Of the tenant's own cgroup, above its workloads: what they may have together, whatever each of them has. */
const kernelLimits = z
  .strictObject({
    memory: size
      .refine((s) => (parseSize(s) ?? LEAST_MEMORY) >= LEAST_MEMORY, 'must be at least 1Mi')
      .optional()
      .meta({ description: 'memory.max' }),
    swap: size.optional().meta({ description: 'memory.swap.max' }),
    cpu: coresOf(0.01, 4096).optional().meta({ description: 'cores: cpu.max' }),
    cpu_weight: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: 'cpu.weight against other tenants' }),
    pids: z.number().int().min(1).max(4_194_304).optional().meta({ description: 'pids.max' }),
    descendants: z.number().int().min(1).max(1_000_000).optional().meta({ description: 'cgroup.max.descendants' }),
    io: z.array(ioDevice).max(64).optional().meta({ description: 'of block devices, as in the spec of a workload' }),
  })
  .meta({ description: 'limits of the cgroup of the tenant, enforced by the kernel' });

const quotas = amounts((unit, name) => `${words(name)} committed at most${unit === 'cores' ? ', in cores' : ''}`);
const shares = amounts((unit, name) => `${words(name)} kept free for it${unit === 'cores' ? ', in cores' : ''}`);
const quotaTable = z.strictObject(quotas);

export const tenantSchema = z.strictObject({
  ...quotas,
  guaranteed: z.strictObject(shares).optional(),
  licences: z.record(tenantId, count).optional().meta({ description: 'of each licence at most' }),
  limits: kernelLimits.optional(),
  allow: allowList.optional().meta({
    description:
      'what workloads of it may ask for beyond their sandbox, whoever starts them: DRIVER.NAME of drivers.DRIVER.allow',
  }),
  capabilities: capabilityNames
    .optional()
    .meta({ description: 'what containers of it may add to their privileges, beside drivers.capabilities' }),
  mounts: mountTrees.optional().meta({
    description: 'trees of the host whose directories and files workloads of it may mount, beside drivers.mounts',
  }),
});

export const licenceSchema = z.strictObject({
  count: count.default(0).meta({ description: 'licences locked to this node; 0: only what schedulers lease to it' }),
  per: z.enum(['instance', 'vcpu', 'core', 'socket']).default('instance').meta({
    description:
      'what one licence covers: a workload, a vcpu (cores it may use, rounded up), a physical core or a socket of this host',
  }),
  on_exhausted: z.enum(['refuse', 'downgrade']).default('refuse').meta({
    description: 'when none is left: refuse the workload, or let it start without',
  }),
});

const ratios = {
  cpu_overcommit: ratio.optional().meta({ description: 'instead of density.cpu_overcommit' }),
  memory_overcommit: ratio.optional().meta({ description: 'instead of density.memory_overcommit' }),
};
const faithful = {
  cpu_overcommit: ratio.default(1).meta({ description: 'instead of density.cpu_overcommit' }),
  memory_overcommit: ratio.default(1).meta({ description: 'instead of density.memory_overcommit' }),
};

const kind = z
  .strictObject({
    workloads: count.optional().meta({ description: 'workloads of this driver at most' }),
    cpu: cores.optional().meta({ description: 'cores committed to them at most' }),
    memory: size.optional().meta({ description: 'memory committed to them at most' }),
    ...ratios,
    surcharge: size.default('0').meta({ description: 'memory counted for each beside what its spec promises' }),
  })
  .prefault({});
/** A table for each driver. */
const kinds = Object.fromEntries(DRIVER_NAMES.map((name) => [name, kind])) as Readonly<Record<DriverName, typeof kind>>;

const windowSchema = z.strictObject({
  name: tenantId.meta({ description: 'in `berth node capacity` and events' }),
  cron: cronExpression.meta({ description: 'when it begins' }),
  timezone: z
    .string()
    .refine(isTimezone, 'must be a time zone such as "Europe/Berlin"')
    .default('UTC')
    .meta({ description: 'of the cron expression' }),
  duration: duration({ least: '1m', most: '168h' }).meta({ description: 'how long it lasts' }),
  max_workloads: count.optional().meta({ description: 'meanwhile, instead of density.max_workloads' }),
  cpu_overcommit: ratio.optional().meta({ description: 'meanwhile' }),
  memory_overcommit: ratio.optional().meta({ description: 'meanwhile' }),
  reserved_cpu: cores.optional().meta({ description: 'meanwhile' }),
  reserved_memory: size.optional().meta({ description: 'meanwhile' }),
  tenant: z.record(tenantId, quotaTable).default({}).meta({ description: 'quotas of tenants meanwhile' }),
});

export const densitySchema = z
  .strictObject({
    max_workloads: count.default(1000).meta({ description: 'workloads on this host at most' }),
    max_workloads_per_tenant: count.default(0).meta({ description: 'per tenant at most; 0: no limit' }),
    cpu_overcommit: ratio.default(4).meta({ description: 'cores promised per real core' }),
    memory_overcommit: ratio.default(1).meta({ description: 'bytes promised per real byte' }),
    pids_overcommit: z
      .number()
      .min(0.1)
      .max(1000)
      .default(4)
      .meta({ description: 'process numbers promised per real one' }),
    disk_overcommit: z
      .number()
      .min(0.1)
      .max(1000)
      .default(10)
      .meta({ description: 'bytes of output promised per free byte of paths.state' }),
    reserved_cpu: cores.default(0.5).meta({ description: 'cores kept for the host' }),
    reserved_memory: z
      .string()
      .refine((s) => s === '' || parseSize(s) !== undefined, 'must be a size such as "512Mi"')
      .default('')
      .meta({ description: 'kept for the host; empty: 5 % of memory + 256Mi' }),
    default_cpu_request: coresOf(0.001, 4096).default(0.1).meta({ description: 'counted when a spec names none' }),
    default_memory_request: size.default('64Mi').meta({ description: 'counted when a spec names none' }),
    overhead: z.enum(['configured', 'measured']).default('configured').meta({
      description:
        'what a new VM counts with beside its guest memory: drivers.DRIVER.overhead, or what was measured of VMs of its size, once enough was',
    }),
    prediction: z.enum(['off', 'advise']).default('off').meta({
      description: 'advise: what workloads use is learned, and an overcommit advised; admission does not follow it',
    }),
    preemption: z.enum(['off', 'class', 'priority']).default('off').meta({
      description:
        'whom a workload that asks for it may have evicted. class: workloads of a lower class; priority: those of a lower priority in its own class, too',
    }),
    ceiling_margin: z.number().min(0).max(0.9).default(0.05).meta({
      description: 'share of every ceiling of the kernel that is left alone',
    }),
    limit: z
      .strictObject(amounts((_unit, name) => `${words(name)} on this host at most, below what the kernel has`))
      .prefault({}),
    per_workload: z
      .strictObject({
        fds: count.default(30).meta({ description: 'descriptors that the agent keeps for a workload' }),
        inotify_instances: count.default(0).meta({ description: 'inotify instances that programs of a workload take' }),
        inotify_watches: count.default(3).meta({ description: 'watches of a workload: three are of the agent' }),
        pids: count.default(32).meta({ description: 'processes counted when a spec names no limit' }),
      })
      .prefault({}),
    class: z
      .strictObject({
        guaranteed: z.strictObject(faithful).prefault({}),
        burstable: z.strictObject(ratios).prefault({}),
        besteffort: z.strictObject(ratios).prefault({}),
      })
      .prefault({}),
    kind: z.strictObject(kinds).prefault({}),
    window: z.array(windowSchema).max(64).default([]).meta({ description: 'times in which other figures count' }),
  })
  .prefault({});

export type DensityConfig = z.output<typeof densitySchema>;
export type TenantConfig = z.output<typeof tenantSchema>;
export type LicenceConfig = z.output<typeof licenceSchema>;
export type WindowConfig = z.output<typeof windowSchema>;
export type QuotaTable = z.output<typeof quotaTable>;

export interface DensityProblem {
  readonly path: readonly string[];
  readonly problem: string;
}

/** What is right by itself and wrong together; for the whole configuration, after all its sources are merged. */
export function densityProblems(config: {
  readonly density: DensityConfig;
  readonly tenant: Readonly<Record<string, TenantConfig>>;
}): DensityProblem[] {
  const { density, tenant } = config;
  const found: DensityProblem[] = [];
  const names = new Set<string>();
  for (const { name, tenant: quotas } of density.window) {
    if (names.has(name)) found.push({ path: ['density', 'window'], problem: `two windows are named "${name}"` });
    names.add(name);
    for (const key of Object.keys(quotas))
      if (!Object.hasOwn(tenant, key))
        found.push({
          path: ['density', 'window'],
          problem: `window "${name}" has a quota for "${key}", which is no tenant of this configuration`,
        });
  }
  for (const [name, settings] of Object.entries(tenant)) {
    for (const dimension of DIMENSION_NAMES) {
      const [share, quota] = [settings.guaranteed?.[dimension], settings[dimension]].map(figure);
      if (share !== undefined && quota !== undefined && share > quota)
        found.push({
          path: ['tenant', name, 'guaranteed', dimension],
          problem: `is more than the quota of the tenant, ${settings[dimension]}`,
        });
    }
  }
  return found;
}

/** An amount of the configuration in outward units: cores, bytes, pieces. */
export function figure(value: number | string | undefined): number | undefined {
  return typeof value === 'string' ? parseSize(value) : value;
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
