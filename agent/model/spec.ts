// The workload as a scheduler asks for it (design 5.3): one zod schema, from which the types, the JSON Schema and the
// messages come. Only what this version enforces is accepted: a field that would be silently ignored is an error.
import * as z from 'zod';
import { BerthError } from '../../protocol/errors.js';
import { SUPERVISOR_CGROUP } from '../../systemd/supervisor/cgroup.js';
import { boundedMap, parseBounded } from '../base/bounds.js';
import { labelName, labelValue, MOST_LABELS } from '../base/values/labels.js';
import { sentenceOf } from '../base/wrong-fields.js';
import { capabilities, hostname, rlimits, stop } from './container-spec.js';
import { DRIVER_NAMES, type DriverName, machineOf, SECTIONS, unfitSection } from './driver-kinds.js';
import { files } from './files-spec.js';
import { healthSpec } from './health-spec.js';
import { idle } from './idle-spec.js';
import { IMAGE_DRIVERS, image, pull, saysOfImage, unfitImage } from './image-spec.js';
import { mounts, plainPath } from './mounts-spec.js';
import { networkSpec } from './network-spec.js';
import { unfitPlaces } from './places.js';
import { env, groups, whyNotSearched } from './process-spec.js';
import { resources } from './resources-spec.js';
import { secrets } from './secrets-spec.js';
import { unfitFields } from './spec-rules.js';

export const ID_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const id = z.string().regex(ID_PATTERN, 'must be 1-63 of [a-z0-9-], not starting or ending with "-"');
/** The cgroup of a tenant stands beside the one in which the supervisor of all workloads lives, and must not be that one. */
export const tenantName = id.regex(
  new RegExp(`^(?!${SUPERVISOR_CGROUP}$)`),
  `must not be "${SUPERVISOR_CGROUP}": the cgroup of that name is not a tenant's`,
);

const restart = z.strictObject({
  policy: z.enum(['never', 'on-failure', 'always']).default('never').meta({ description: 'after an end' }),
  maxRetries: z.number().int().min(0).max(1000).optional().meta({
    description: 'starts in a row without a good run of 10 minutes, then it stays failed; absent: without end',
  }),
});

export { DRIVER_NAMES, type DriverName };

export const CLASSES = ['guaranteed', 'burstable', 'besteffort'] as const;

export const workloadSpec = z
  .strictObject({
    id: id.meta({ description: 'name on this host; every object of it is named after it' }),
    tenant: tenantName.default('default').meta({ description: 'whose it is: quotas and the cgroup above it' }),
    driver: z.enum(DRIVER_NAMES).meta({ description: 'what runs it; `external` prepares only' }),
    class: z.enum(CLASSES).default('burstable').meta({
      description: 'guaranteed: promised its limits; the others: their requests',
    }),
    priority: z.number().int().min(0).max(1000).default(100).meta({ description: 'higher starts first after a boot' }),
    resources: resources.prefault({}),
    network: networkSpec.prefault({}),
    image,
    pull,
    ...SECTIONS,
    env: env.meta({
      description: 'variables of its environment; they replace those of envFile, which replace those of the image',
    }),
    envFile: plainPath.optional().meta({
      description:
        'a file of NAME=VALUE lines, 64 KiB at most, read at each start beneath drivers.mounts or tenant.NAME.mounts; empty lines and lines with # are left out, quotes are part of a value',
    }),
    groups,
    mounts,
    files,
    secrets,
    hostname,
    readOnlyRootfs: z
      .boolean()
      .default(false)
      .meta({ description: 'the root filesystem of a container cannot be written to; that of driver exec never can' }),
    rlimits,
    capabilities: capabilities.optional().meta({ description: 'privileges of root of a container' }),
    init: z.boolean().default(false).meta({
      description:
        'the first process of a container is one that reaps orphans and passes signals on (catatonit or tini-static of the host)',
    }),
    stop: stop.prefault({}),
    health: healthSpec.optional(),
    idle,
    restart: restart.prefault({}),
    labels: boundedMap(labelName, labelValue, MOST_LABELS).default({}).meta({ description: 'words of your own' }),
  })
  .superRefine((spec, ctx) => {
    for (const driver of DRIVER_NAMES) {
      const wanted = driver === spec.driver && driver !== 'external';
      if (wanted && spec[driver] === undefined)
        ctx.addIssue({ code: 'custom', path: [driver], message: `is needed by driver "${driver}"` });
      if (driver !== spec.driver && spec[driver] !== undefined && !saysOfImage(driver, spec))
        ctx.addIssue({ code: 'custom', path: [driver], message: `does not go with driver "${spec.driver}"` });
    }
    for (const { field, problem } of [
      ...unfitFields(spec),
      ...unfitImage(spec),
      ...unfitPlaces(spec),
      ...unfitSection(spec),
    ])
      ctx.addIssue({ code: 'custom', path: field.split('.'), message: problem });
    const unsearched = spec.driver === 'exec' ? whyNotSearched(spec.env) : undefined;
    if (unsearched !== undefined) ctx.addIssue({ code: 'custom', path: ['env', 'PATH'], message: unsearched });
    const { mode } = spec.network;
    const machine = machineOf(spec);
    if (machine !== undefined && mode === 'host')
      ctx.addIssue({ code: 'custom', path: ['network', 'mode'], message: 'a microVM cannot use the host network' });
    if (spec.resources.memory?.ksm === true) {
      const merging = machine?.merging;
      const other =
        spec.driver === 'external'
          ? 'driver "external": what runs there asks for it itself'
          : typeof merging === 'object'
            ? merging.not
            : undefined;
      if (other !== undefined)
        ctx.addIssue({ code: 'custom', path: ['resources', 'memory', 'ksm'], message: `does not go with ${other}` });
    }
    if (spec.class === 'guaranteed' && machine === undefined && spec.resources.memory?.limit === undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['resources', 'memory', 'limit'],
        message: 'is needed by class guaranteed',
      });
  })
  .meta({ id: 'WorkloadSpec' });

/** Whether it takes a vsock id. */
export function wantsVsock({ qemu, external }: Pick<WorkloadSpec, 'qemu' | 'external'>): boolean {
  return qemu?.vsock === true || external?.vsock === true;
}

/** A checked spec with every default filled in and sizes in bytes. */
export type WorkloadSpec = z.output<typeof workloadSpec>;

/** An image says all that its driver needs: the sections may be left out. */
function withSection(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('image' in input) || !('driver' in input)) return input;
  if (!IMAGE_DRIVERS.includes(String(input.driver))) return input;
  return { oci: {}, [String(input.driver)]: {}, ...input };
}

/** Checks a spec of unknown origin. Throws `unknown_driver` or `invalid_spec`, naming every wrong field. */
export function parseSpec(input: unknown): WorkloadSpec {
  if (typeof input === 'object' && input !== null && 'driver' in input && typeof input.driver === 'string') {
    if (!(DRIVER_NAMES as readonly string[]).includes(input.driver))
      throw new BerthError('unknown_driver', `there is no driver ${JSON.stringify(input.driver.slice(0, 63))}`, {
        data: { driver: input.driver.slice(0, 63), known: DRIVER_NAMES },
      });
  }
  const parsed = parseBounded(workloadSpec, withSection(input), '(spec)');
  if (parsed.ok) return parsed.data;
  const { problems } = parsed;
  throw new BerthError('invalid_spec', `the workload is not valid: ${sentenceOf(problems)}`, { data: { ...problems } });
}

/** What a workload says that runs an image and nothing else: to ask what its image needs. */
export function specOfImage(image: string, tenant = 'default'): WorkloadSpec {
  return parseSpec({ id: 'image', tenant, driver: 'oci', image });
}
