// [drivers.NAME]: what the node says of each driver.
import * as z from 'zod';
import { defined } from '../../linux/defined.js';
import { sizeText } from '../base/values/amounts.js';
import { absolutePath, program } from '../base/values/places.js';
import { CAPABILITY_NAMES } from '../model/container-spec.js';
import { isWithin, plainPath } from '../model/mounts-spec.js';

/** What a workload may ask for beyond its sandbox, by driver, and the field that asks. Each is a way to the host. */
export const GRANTS = {
  exec: {
    root: 'exec.user root',
    user: 'exec.user, a user of the host, and groups',
    'host-network': 'network.mode host',
    'isolation-none': 'exec.isolation none',
  },
  oci: {
    bundle: 'oci.bundle, whose config.json is taken at its word',
    rootfs: 'oci.rootfs, a directory of the host',
    'image-files': 'image oci:, oci-archive: and docker-archive:, files of the host',
    'host-network': 'network.mode host',
  },
  qemu: {
    files: 'qemu.kernel, qemu.initrd and qemu.root, files of the host',
    'image-files': 'image oci:, oci-archive: and docker-archive:, files of the host',
    vsock: 'qemu.vsock',
  },
  firecracker: {
    files: 'firecracker.kernel, firecracker.initrd, firecracker.root and firecracker.drives, files of the host',
    'image-files': 'image oci:, oci-archive: and docker-archive:, files of the host',
  },
  external: { sandbox: 'driver external', namespace: 'external.namespace, a network namespace of another runtime' },
} as const;

type Grants = typeof GRANTS;
/** `DRIVER.NAME`: as `allow` of a session and of a tenant have it; drivers.DRIVER.allow has NAME. */
export type GrantName = { [D in keyof Grants]: `${D}.${keyof Grants[D] & string}` }[keyof Grants];
export const GRANT_NAMES = Object.entries(GRANTS).flatMap(([driver, names]) =>
  Object.keys(names).map((name) => `${driver}.${name}`),
) as readonly GrantName[] as readonly [GrantName, ...GrantName[]];

/** For sessions and tenants. */
export const allowList = z.array(z.enum(GRANT_NAMES));

/** `usual`: what every operator has who does not say more; nothing of it puts a program of the host out of a sandbox. */
function nodeAllow<D extends keyof Grants>(driver: D, usual: readonly (keyof Grants[D] & string)[]) {
  const names = Object.keys(GRANTS[driver]) as (keyof Grants[D] & string)[];
  const asked = Object.entries(GRANTS[driver]).map(([name, what]) => `${name} (${what})`);
  return z
    .array(z.enum(names as [keyof Grants[D] & string, ...(keyof Grants[D] & string)[]]))
    .default([...usual] as typeof names)
    .meta({ description: `what a workload may ask for beyond its sandbox: ${asked.join(', ')}` });
}

const size = sizeText();
const uidRange = z
  .string()
  .refine((text) => parseUids(text) !== undefined, 'must be a range FIRST-LAST of uids above 0');
/** (uid_t) -1 means "leave as it is" to setresuid(2). */
const MAX_UID = 2 ** 32 - 2;
/** A directory here, as a mount, has the sockets of services of the host. */
const SERVICES = ['/run', '/var/run'];
const KERNEL = ['/proc', '/sys', '/dev'];
const UID_RANGE = /^(\d{1,10})-(\d{1,10})$/;

export interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** `FIRST-LAST`; undefined when it is not a range of usable uids. */
export function parseUids(text: string): UidRange | undefined {
  const [, from, to] = UID_RANGE.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= MAX_UID ? { first, last } : undefined;
}

/** Ids that workloads get, by the key that says so. */
export function idRanges({ exec, firecracker }: DriversConfig): Record<string, UidRange> {
  const found = { 'drivers.exec.uids': parseUids(exec.uids), 'drivers.firecracker.uids': parseUids(firecracker.uids) };
  return defined(found);
}

/** Trees of the host. */
export const mountTrees = z
  .array(
    plainPath
      .refine((path) => path !== '/', 'must not be "/"')
      .refine(
        (path) => !SERVICES.includes(path),
        'must not be /run or /var/run, which contain the sockets of all services: name a directory below',
      )
      .refine(
        (path) => !KERNEL.some((top) => isWithin(path, top)),
        'must not be in /proc, /sys or /dev: a workload could reach the kernel of the host there',
      ),
  )
  .max(64);

/** For the node and for tenants. */
export const capabilityNames = z.array(z.enum(CAPABILITY_NAMES)).max(CAPABILITY_NAMES.length);

export const driversSchema = z.strictObject({
  capabilities: capabilityNames
    .default([])
    .meta({ description: 'what any container may add to its privileges (capabilities.add), such as "NET_ADMIN"' }),
  mounts: mountTrees.default([]).meta({
    description: 'trees of the host, such as "/srv/data", whose directories and files any workload may mount',
  }),
  exec: z
    .strictObject({
      allow: nodeAllow('exec', []),
      uids: uidRange
        // Of those that systemd leaves to nobody (UIDS-GIDS.md: 1879048192 to 2147483647), the ones that VMs do not use.
        .default('2013265920-2014314495')
        .meta({ description: 'uids and gids for sandboxes, one each; nobody else may use them' }),
      // A tmpfs of size 0 has no limit (mm/shmem.c).
      tmp: sizeText(4096)
        .default('64Mi')
        .meta({ description: 'size of /tmp and of /var/tmp of a sandbox, in its memory' }),
    })
    .prefault({}),
  qemu: z
    .strictObject({
      allow: nodeAllow('qemu', ['files', 'image-files', 'vsock']),
      accel: z.enum(['auto', 'kvm', 'tcg']).default('auto').meta({ description: 'auto: kvm when a probe says so' }),
      overhead: size.default('160Mi').meta({ description: 'memory of the VMM itself, on top of the guest' }),
      kernel: z
        .union([absolutePath, z.literal('')])
        .default('')
        .meta({
          description:
            'kernel of microVMs with an image, for example "/srv/berth-kernel/boot/vmlinuz-6.12.48+deb13-cloud-amd64"; berth reads its modules from lib/modules or usr/lib/modules beside boot; empty: each spec names qemu.kernel',
        }),
    })
    .prefault({}),
  oci: z
    .strictObject({
      allow: nodeAllow('oci', ['bundle', 'rootfs', 'image-files']),
      runtime: program.default('crun').meta({ description: 'OCI runtime, of exec sandboxes, too' }),
    })
    .prefault({}),
  firecracker: z
    .strictObject({
      allow: nodeAllow('firecracker', ['files', 'image-files']),
      binary: program.default('firecracker').meta({ description: 'Firecracker, version 1.7 or newer' }),
      jailer: program.default('jailer').meta({ description: 'the jailer of the same version' }),
      overhead: size
        .default('16Mi')
        .meta({ description: 'memory of the VMM itself and of its jail, on top of the guest' }),
      kernel: z
        .union([absolutePath, z.literal('')])
        .default('')
        .meta({
          description:
            'uncompressed kernel (vmlinux) of microVMs with an image, readable by all users; berth reads its modules as those of drivers.qemu.kernel; empty: each spec names firecracker.kernel',
        }),
      // Of those that systemd leaves to nobody, the ones above exec's.
      uids: uidRange
        .default('2080374784-2147483647')
        .meta({ description: 'uids and gids for microVMs, one each; nobody else may use them' }),
    })
    .prefault({}),
  external: z.strictObject({ allow: nodeAllow('external', ['sandbox', 'namespace']) }).prefault({}),
});

type DriversConfig = z.output<typeof driversSchema>;
