// What driver firecracker runs.
import * as z from 'zod';
import { boundedMap } from '../base/bounds.js';
import { formatSize } from '../base/units.js';
import { size } from '../base/values/amounts.js';
import { driverKind, hasLink } from './driver-kind.js';
import { absolutePath } from './process-spec.js';
import { snapshotField } from './snapshot-spec.js';

/** Firecracker holds 2047 bytes of command line; berth adds the address, and Firecracker a word for each device. */
const MOST_APPENDED = 1024;
/** Firecracker gives a guest whole MiB. */
const LEAST_GUEST = 2 ** 20;
/** Each is a device with an interrupt of its own, of which a guest has 19. */
const MOST_DRIVES = 8;
/** Bytes: the default of --mmds-size-limit. */
const MOST_METADATA = 51_200;
/** Of the metadata, at its top. */
const MOST_ENTRIES = 1024;
const HUGE = 2 ** 21;

/** A bucket of one second: an hour of the fastest disk has less. */
const perSecond = z.number().int().min(1).max(1e9);

const drive = z.strictObject({
  path: absolutePath.meta({ description: 'a raw image' }),
  readOnly: z.boolean().default(false).meta({ description: 'then the image must be readable by all users' }),
  rateLimiter: z
    .strictObject({
      bandwidth: size
        .refine((bytes) => bytes >= 1, 'must be at least 1')
        .optional()
        .meta({ description: 'bytes in each second' }),
      ops: perSecond.optional().meta({ description: 'requests in each second' }),
    })
    .optional()
    .meta({ description: 'limit of this drive, kept by Firecracker' }),
});

export const firecrackerSpec = z
  .strictObject({
    kernel: absolutePath.optional().meta({
      description:
        'needed without an image; with one: instead of drivers.firecracker.kernel of the node. An uncompressed kernel (vmlinux), readable by all users; for Firecracker before 1.8 with CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES',
    }),
    initrd: absolutePath.optional().meta({ description: 'readable by all users' }),
    root: drive.optional().meta({ description: 'the root drive, /dev/vda' }),
    drives: z.array(drive).max(MOST_DRIVES).default([]).meta({ description: 'further drives' }),
    append: z
      .string()
      .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII on one line')
      .max(MOST_APPENDED)
      .default('console=ttyS0')
      .meta({ description: 'kernel command line, before what berth adds' }),
    vcpus: z.number().int().min(1).max(32).default(1),
    smt: z.boolean().default(false).meta({ description: 'two vCPUs are the threads of one core of the guest' }),
    memory: size
      .refine((bytes) => bytes >= LEAST_GUEST, 'must be at least 1Mi')
      .default(128 * 2 ** 20)
      .meta({ description: 'guest memory' }),
    hugepages: z.enum(['2Mi']).optional().meta({
      description:
        'guest memory in huge pages of this size, set aside on the host; memory.max then holds Firecracker alone, and there is no balloon',
    }),
    cpuTemplate: z.enum(['C3', 'T2', 'T2S', 'T2CL', 'T2A', 'V1N1']).optional().meta({
      description: 'a static CPU template of Firecracker, for guests that move between hosts',
    }),
    vsock: z.boolean().default(false).meta({ description: 'a vsock device; its socket is v.sock in the jail' }),
    mmds: z
      .strictObject({
        metadata: boundedMap(z.string().max(256), z.unknown(), MOST_ENTRIES)
          .refine((tree) => Buffer.byteLength(JSON.stringify(tree)) <= MOST_METADATA, {
            message: `must be at most ${MOST_METADATA} bytes of JSON`,
          })
          .meta({ description: 'what the metadata service tells the guest' }),
      })
      .optional()
      .meta({ description: 'metadata service (version 2) at 169.254.169.254 on the NIC of the guest' }),
    balloon: z
      .strictObject({
        deflateOnOom: z.boolean().default(true).meta({ description: 'a guest in need takes memory back by itself' }),
        statistics: z.number().int().min(0).max(3600).default(0).meta({
          description: 'seconds between reports of the guest; 0: none',
        }),
        freePageReporting: z.boolean().default(false).meta({
          description: 'the guest returns free pages at once; Firecracker 1.14 or newer',
        }),
      })
      .prefault({})
      .meta({ description: 'how memory is taken from the running guest' }),
    entropy: z.boolean().default(true).meta({ description: 'a virtio-rng device' }),
    snapshot: snapshotField,
  })
  .refine(({ hugepages, memory }) => hugepages === undefined || memory % HUGE === 0, {
    message: 'must be a multiple of the size of a huge page',
    path: ['memory'],
  })
  .refine(({ smt, vcpus }) => !smt || vcpus === 1 || vcpus % 2 === 0, {
    message: 'must be 1 or even with smt',
    path: ['vcpus'],
  })
  .refine(
    ({ snapshot, root, drives }) => snapshot === undefined || [root, ...drives].every((one) => one?.readOnly ?? true),
    {
      message: 'does not go with a drive that is written to, which only one guest can have',
      path: ['snapshot'],
    },
  );

export const firecrackerKind = driverKind({
  section: firecrackerSpec,
  example: {
    id: 'fc-1',
    driver: 'firecracker',
    firecracker: { kernel: '/srv/vm/vmlinux', root: { path: '/srv/vm/fc-1.ext4' }, vcpus: 1, memory: '256Mi' },
  },
  describe: ({ kernel, vcpus, memory }, { image }) => `${image ?? kernel ?? ''}, ${vcpus} vCPU, ${formatSize(memory)}`,
  alike: ({ kernel, initrd, root, append, vcpus, memory }, { image }) => [
    ...[kernel ?? null, initrd ?? null, root?.path ?? null, append, vcpus, memory],
    ...(image === undefined ? [] : [image]),
  ],
  // A guest boots from an image, or from files of the host.
  unfit: ({ mmds, kernel, initrd, root, drives }, beside) => [
    ...(mmds === undefined || hasLink(beside)
      ? []
      : [{ field: 'firecracker.mmds', problem: 'needs a network: mode routed or bridge' }]),
    ...(beside.image === undefined
      ? [
          ...(kernel === undefined ? [{ field: 'firecracker.kernel', problem: 'is needed without an image' }] : []),
          ...(initrd === undefined && root === undefined
            ? [{ field: 'firecracker', problem: 'needs an image, an initrd or a root drive' }]
            : []),
        ]
      : Object.entries({ initrd, root, drives: drives.length > 0 || undefined })
          .filter(([, value]) => value !== undefined)
          .map(([field]) => ({ field: `firecracker.${field}`, problem: 'does not go with an image' }))),
  ],
  machine: ({ vcpus, memory, hugepages }) => ({
    ...{ vcpus, memory, hugepages, lockMemory: false },
    merging: { not: 'driver "firecracker": Firecracker keeps the memory of its guests apart' },
  }),
});
