// The workload as a scheduler asks for it (design 5.3): one zod schema, from which the types, the JSON Schema and the
// messages come. Only what this version enforces is accepted: a field that would be silently ignored is an error.
import * as z from 'zod';
import { SUPERVISOR_CGROUP } from '../../systemd/supervisor/cgroup.js';
import { boundedMap, parseBounded } from '../base/bounds.js';
import { BerthError } from '../base/errors.js';
import { size } from '../base/values/amounts.js';
import { labelName, labelValue, MOST_LABELS } from '../base/values/labels.js';
import { sentenceOf } from '../base/wrong-fields.js';
import { networkSpec } from './network-spec.js';
import { resources } from './resources-spec.js';

export const ID_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const id = z.string().regex(ID_PATTERN, 'must be 1-63 of [a-z0-9-], not starting or ending with "-"');
/** The cgroup of a tenant stands beside the one in which the supervisor of all workloads lives, and must not be that one. */
export const tenantName = id.regex(
  new RegExp(`^(?!${SUPERVISOR_CGROUP}$)`),
  `must not be "${SUPERVISOR_CGROUP}": the cgroup of that name is not a tenant's`,
);
/** Entries of an environment. */
const MOST_VARIABLES = 1024;
/** uid_t without (uid_t) -1, which means "nobody in particular". */
const MAX_UID = 2 ** 32 - 2;
const uid = z.number().int().min(0).max(MAX_UID);

/** With the NUL at its end: PATH_MAX of limits.h, MAX_ARG_STRLEN of binfmts.h. */
const PATH_BYTES = 4096;
const ARGUMENT_BYTES = 131_072;

/** At most so many bytes with the NUL at its end; JSON Schema counts characters, of which there are not more. */
const shorterThan = (bytes: number, text: z.ZodString) =>
  text
    .max(bytes - 1, { error: `must be shorter than ${bytes} bytes`, abort: true })
    .refine((value) => Buffer.byteLength(value) < bytes, `must be shorter than ${bytes} bytes`);
const absolutePath = shorterThan(PATH_BYTES, z.string().regex(/^\/[^\0]*$/, 'must be an absolute path'));
const argument = shorterThan(
  ARGUMENT_BYTES,
  z.string().refine((text) => !text.includes('\0'), 'must not contain a NUL'),
);

const variable = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a variable name');
const env = boundedMap(variable, argument, MOST_VARIABLES)
  .superRefine((variables, ctx) => {
    for (const [name, value] of Object.entries(variables))
      if (Buffer.byteLength(`${name}=${value}`) >= ARGUMENT_BYTES)
        ctx.addIssue({
          code: 'custom',
          path: [name],
          message: `must be shorter than ${ARGUMENT_BYTES} bytes together with its name`,
        });
  })
  .default({});

/** A shell's PATH has a dozen directories; each is looked into at every start. */
const MOST_DIRECTORIES = 128;

const exec = z
  .strictObject({
    command: z.array(argument).min(1).max(1024).meta({ description: 'argv; the first is an absolute path or on PATH' }),
    env,
    isolation: z.enum(['sandbox', 'none']).default('sandbox').meta({
      description:
        "sandbox: namespaces of its own, the host's files read-only, seccomp; none: a process of the host in its own network, where the node grants it",
    }),
    user: z
      .string()
      .max(256)
      // As login.defs and useradd(8) let in: the system knows the name, or the driver refuses it.
      .regex(/^[^-+:,/\s\0][^:,/\s\0]*$/, 'must be a user name or id')
      .optional()
      .meta({ description: 'of the host; absent: in a sandbox a uid of its own, otherwise root' }),
    cwd: absolutePath.default('/'),
  })
  .refine(({ env: { PATH = '' } }) => PATH.length <= 4096 && PATH.split(':').length <= MOST_DIRECTORIES, {
    message: `must have at most ${MOST_DIRECTORIES} directories and 4096 characters`,
    path: ['env', 'PATH'],
  });

const oci = z
  .strictObject({
    bundle: absolutePath.optional().meta({
      description:
        'a directory with config.json and rootfs; limits in its linux.resources must stand in resources, too',
    }),
    rootfs: absolutePath.optional().meta({ description: 'a root filesystem; berth writes the config.json' }),
    command: z.array(argument).min(1).max(1024).optional(),
    env,
    user: z.strictObject({ uid, gid: uid }).default({ uid: 0, gid: 0 }),
    readonly: z.boolean().default(false),
  })
  .refine((o) => (o.bundle === undefined) !== (o.rootfs === undefined), 'needs exactly one of bundle and rootfs')
  .refine((o) => o.rootfs === undefined || o.command !== undefined, {
    message: 'is needed with rootfs',
    path: ['command'],
  });

/** Bytes. */
export const HUGE_PAGE = { '2Mi': 2 ** 21, '1Gi': 2 ** 30 } as const;

/** The kernel cuts a command line of more than 2047 bytes (COMMAND_LINE_SIZE of x86); berth adds root, panic and address. */
const MOST_APPENDED = 1792;
/** QEMU gives a guest whole MiB, and takes a machine of none for one of its own size. */
const LEAST_GUEST = 2 ** 20;

const qemu = z
  .strictObject({
    kernel: absolutePath,
    initrd: absolutePath.optional(),
    root: absolutePath.optional().meta({ description: 'a raw root image, attached as /dev/vda' }),
    append: z
      .string()
      .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII on one line')
      .max(MOST_APPENDED)
      .default('console=ttyS0')
      .meta({ description: 'kernel command line, before what berth adds' }),
    vcpus: z.number().int().min(1).max(32).default(1),
    memory: size
      .refine((bytes) => bytes >= LEAST_GUEST, 'must be at least 1Mi')
      .default(128 * 2 ** 20)
      .meta({ description: 'guest memory' }),
    hugepages: z.enum(['2Mi', '1Gi']).optional().meta({
      description: 'guest memory in huge pages of this size, set aside on the host; memory.max then holds QEMU alone',
    }),
    lockMemory: z
      .boolean()
      .default(false)
      .meta({ description: 'all memory is made at the start, and never swapped out or reclaimed' }),
    vsock: z.boolean().default(false).meta({
      description: 'a vsock id of its own, by which host and guest reach each other without a network',
    }),
  })
  .refine(({ hugepages, memory }) => hugepages === undefined || memory % HUGE_PAGE[hugepages] === 0, {
    message: 'must be a multiple of the size of a huge page',
    path: ['memory'],
  })
  .refine((q) => q.initrd !== undefined || q.root !== undefined, 'needs an initrd or a root image');

const external = z
  .strictObject({
    tap: z.boolean().default(false).meta({ description: 'a tap for a VMM instead of a plain namespace' }),
    at: z.enum(['netns', 'host']).default('netns').meta({
      description: 'netns: the tap is in the namespace; host: it is on the host, and there is no namespace',
    }),
    uid: uid.default(0).meta({ description: 'who may open the tap, besides root' }),
    multiQueue: z.boolean().default(false).meta({ description: 'several queues; the VMM must open the tap so, too' }),
    vsock: z.boolean().default(false).meta({
      description: 'a vsock id set aside for the guest of your VMM',
    }),
    vnetHeader: z.boolean().default(true).meta({ description: 'frames with a virtio-net header (offloads)' }),
    guestAddress: z
      .ipv4('must be an IPv4 address')
      .optional()
      .meta({ description: 'what the guest of a snapshot takes for its address; translated in the namespace' }),
  })
  .superRefine((external, ctx) => {
    const { tap, at, guestAddress } = external;
    const say = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    if (!tap && at === 'host') say('at', 'goes with "tap": true');
    if (!tap && guestAddress !== undefined) say('guestAddress', 'goes with "tap": true');
    if (at === 'host' && guestAddress !== undefined) say('guestAddress', 'goes with a tap in a namespace only');
  });

const restart = z.strictObject({
  policy: z.enum(['never', 'on-failure', 'always']).default('never').meta({ description: 'after an end' }),
  maxRetries: z.number().int().min(0).max(1000).optional().meta({
    description: 'starts in a row without a good run of 10 minutes, then it stays failed; absent: without end',
  }),
});

export const CLASSES = ['guaranteed', 'burstable', 'besteffort'] as const;

export const workloadSpec = z
  .strictObject({
    id: id.meta({ description: 'name on this host; every object of it is named after it' }),
    tenant: tenantName.default('default').meta({ description: 'whose it is: quotas and the cgroup above it' }),
    driver: z.enum(['exec', 'oci', 'qemu', 'external']).meta({ description: 'what runs it; `external` prepares only' }),
    class: z.enum(CLASSES).default('burstable').meta({
      description: 'guaranteed: promised its limits; the others: their requests',
    }),
    priority: z.number().int().min(0).max(1000).default(100).meta({ description: 'higher starts first after a boot' }),
    resources: resources.prefault({}),
    network: networkSpec.prefault({}),
    exec: exec.optional(),
    oci: oci.optional(),
    qemu: qemu.optional(),
    external: external.optional(),
    restart: restart.prefault({}),
    labels: boundedMap(labelName, labelValue, MOST_LABELS).default({}).meta({ description: 'words of your own' }),
  })
  .superRefine((spec, ctx) => {
    for (const driver of DRIVER_NAMES) {
      const wanted = driver === spec.driver && driver !== 'external';
      if (wanted && spec[driver] === undefined)
        ctx.addIssue({ code: 'custom', path: [driver], message: `is needed by driver "${driver}"` });
      if (driver !== spec.driver && spec[driver] !== undefined)
        ctx.addIssue({ code: 'custom', path: [driver], message: `does not go with driver "${spec.driver}"` });
    }
    if (spec.driver === 'qemu' && spec.network.mode === 'host')
      ctx.addIssue({ code: 'custom', path: ['network', 'mode'], message: 'a microVM cannot use the host network' });
    if (spec.resources.memory?.ksm === true) {
      const other =
        spec.driver === 'external'
          ? 'driver "external": what runs there asks for it itself'
          : spec.qemu?.hugepages !== undefined
            ? 'qemu.hugepages: huge pages are never merged'
            : spec.qemu?.lockMemory === true
              ? 'qemu.lockMemory: a write to a merged page waits for a new one'
              : undefined;
      if (other !== undefined)
        ctx.addIssue({ code: 'custom', path: ['resources', 'memory', 'ksm'], message: `does not go with ${other}` });
    }
    const { mode, dns } = spec.network;
    if (spec.external?.tap === true && mode !== 'routed' && mode !== 'bridge')
      ctx.addIssue({ code: 'custom', path: ['external', 'tap'], message: `does not go with network.mode "${mode}"` });
    if (spec.exec?.isolation === 'none' && dns !== undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['network', 'dns'],
        message: `does not go with exec.isolation "none": such a process reads the host's /etc/resolv.conf`,
      });
    if (spec.class === 'guaranteed' && spec.driver !== 'qemu' && spec.resources.memory?.limit === undefined)
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

export const DRIVER_NAMES = ['exec', 'oci', 'qemu', 'external'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** A checked spec with every default filled in and sizes in bytes. */
export type WorkloadSpec = z.output<typeof workloadSpec>;

/** Checks a spec of unknown origin. Throws `unknown_driver` or `invalid_spec`, naming every wrong field. */
export function parseSpec(input: unknown): WorkloadSpec {
  if (typeof input === 'object' && input !== null && 'driver' in input && typeof input.driver === 'string') {
    if (!(DRIVER_NAMES as readonly string[]).includes(input.driver))
      throw new BerthError('unknown_driver', `there is no driver ${JSON.stringify(input.driver.slice(0, 63))}`, {
        data: { driver: input.driver.slice(0, 63), known: DRIVER_NAMES },
      });
  }
  const parsed = parseBounded(workloadSpec, input, '(spec)');
  if (parsed.ok) return parsed.data;
  const { problems } = parsed;
  throw new BerthError('invalid_spec', `the workload is not valid: ${sentenceOf(problems)}`, { data: { ...problems } });
}
