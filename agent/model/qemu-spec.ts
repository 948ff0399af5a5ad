// What driver qemu runs.
import * as z from 'zod';
import { formatSize } from '../base/units.js';
import { size } from '../base/values/amounts.js';
import { driverKind } from './driver-kind.js';
import { absolutePath } from './process-spec.js';
import { snapshotField } from './snapshot-spec.js';

/** Bytes. */
export const HUGE_PAGE = { '2Mi': 2 ** 21, '1Gi': 2 ** 30 } as const;

/** The kernel cuts a command line of more than 2047 bytes (COMMAND_LINE_SIZE of x86); berth adds root, panic and address. */
const MOST_APPENDED = 1792;
/** QEMU gives a guest whole MiB, and takes a machine of none for one of its own size. */
const LEAST_GUEST = 2 ** 20;

export const qemuSpec = z
  .strictObject({
    kernel: absolutePath.optional().meta({
      description: 'needed without an image; with one: instead of drivers.qemu.kernel of the node',
    }),
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
    snapshot: snapshotField,
  })
  .refine(({ snapshot, root }) => snapshot === undefined || root === undefined, {
    message: 'does not go with a root image, which only one guest can have',
    path: ['snapshot'],
  })
  .refine(({ hugepages, memory }) => hugepages === undefined || memory % HUGE_PAGE[hugepages] === 0, {
    message: 'must be a multiple of the size of a huge page',
    path: ['memory'],
  });

export const qemuKind = driverKind({
  section: qemuSpec,
  example: {
    id: 'vm-1',
    driver: 'qemu',
    qemu: { kernel: '/srv/vm/vmlinuz', initrd: '/srv/vm/initrd.img', vcpus: 1, memory: '256Mi' },
  },
  describe: ({ kernel, vcpus, memory }, { image }) => `${image ?? kernel ?? ''}, ${vcpus} vCPU, ${formatSize(memory)}`,
  alike: ({ kernel, initrd, root, append, vcpus, memory }, { image }) => [
    ...[kernel ?? null, initrd ?? null, root ?? null, append, vcpus, memory],
    ...(image === undefined ? [] : [image]),
  ],
  // A guest boots from an image, or from files of the host.
  unfit: ({ kernel, initrd, root }, { image }) => {
    const files = Object.entries({ initrd, root }).filter(([, path]) => path !== undefined);
    if (image !== undefined)
      return files.map(([field]) => ({ field: `qemu.${field}`, problem: 'does not go with an image' }));
    return [
      ...(kernel === undefined ? [{ field: 'qemu.kernel', problem: 'is needed without an image' }] : []),
      ...(files.length === 0 ? [{ field: 'qemu', problem: 'needs an image, an initrd or a root image' }] : []),
    ];
  },
  machine: ({ vcpus, memory, hugepages, lockMemory }) => ({
    ...{ vcpus, memory, hugepages, lockMemory },
    merging:
      hugepages !== undefined
        ? { not: 'qemu.hugepages: huge pages are never merged' }
        : lockMemory
          ? { not: 'qemu.lockMemory: a write to a merged page waits for a new one' }
          : 'own',
  }),
});
