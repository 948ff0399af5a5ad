// The configuration file of a microVM, as a pure function. Paths are those inside the jail.
import { defined } from '../../../linux/defined.js';
import type { Sandbox } from '../../model/record.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { kernelIp } from '../../network/kernel-ip.js';
import { invalidField } from '../files.js';
import type { ImageBoot } from '../guest/boot.js';

export type Firecracker = NonNullable<WorkloadSpec['firecracker']>;
/** With what it boots, of its own or of its image. */
export type Bootable = Firecracker & { readonly kernel: string };
type Drive = Firecracker['drives'][number];

export interface ConfigOptions {
  readonly id: string;
  readonly firecracker: Bootable;
  /** Its guest is that of an image, which is told its address by a drive. */
  readonly image?: boolean;
  readonly sandbox: Pick<Sandbox, 'address' | 'tap' | 'mac' | 'attachment'>;
  /** Name servers for the guest. */
  readonly servers: readonly string[];
}

/** A file, or a directory, of the host that the jail shows. */
export interface JailFile {
  readonly host: string;
  /** Name in the root of the jail. */
  readonly name: string;
  readonly readOnly: boolean;
}

const MIB = 2 ** 20;
const NIC = 'eth0';
/** The socket is a file of the jail: no two guests can meet under this number. */
const GUEST_CID = 3;
/** Bucket sizes are amounts of one second. */
const REFILL_MS = 1000;

export const VSOCK = 'v.sock';

export function machineConfig(options: ConfigOptions): Readonly<Record<string, unknown>> {
  const { firecracker, sandbox } = options;
  const { vcpus, smt, memory, hugepages, cpuTemplate, vsock, balloon, entropy, mmds } = firecracker;
  const { tap, mac } = sandbox;
  const card = tap === null || mac === null ? [] : [{ iface_id: NIC, guest_mac: mac, host_dev_name: tap }];
  return {
    'boot-source': {
      kernel_image_path: '/kernel',
      boot_args: kernelArguments(options),
      ...(firecracker.initrd === undefined ? {} : { initrd_path: '/initrd' }),
    },
    'machine-config': {
      vcpu_count: vcpus,
      smt,
      mem_size_mib: guestMib(memory),
      ...defined({ cpu_template: cpuTemplate }),
      ...(hugepages === undefined ? {} : { huge_pages: '2M' }),
    },
    // Its log is part of the console, which should be the guest's.
    logger: { level: 'Warning' },
    drives: drivesOf(firecracker).map(({ drive, name, root }) => driveConfig(drive, name, root)),
    'network-interfaces': card,
    ...(vsock ? { vsock: { guest_cid: GUEST_CID, uds_path: `/${VSOCK}` } } : {}),
    ...(hasBalloon(firecracker) ? { balloon: balloonConfig(balloon) } : {}),
    ...(entropy ? { entropy: {} } : {}),
    ...(mmds === undefined ? {} : { 'mmds-config': { version: 'V2', network_interfaces: card.map(() => NIC) } }),
  };
}

/** What the configuration file names of the host's files for the boot. */
export function bootFiles({ kernel, initrd }: Bootable): JailFile[] {
  return [
    { host: kernel, name: 'kernel', readOnly: true },
    ...(initrd === undefined ? [] : [{ host: initrd, name: 'initrd', readOnly: true }]),
  ];
}

/** Of a guest that boots, and of one that comes back. */
export function driveFiles(firecracker: Firecracker): JailFile[] {
  return drivesOf(firecracker).map(({ drive, name }) => ({ host: drive.path, name, readOnly: drive.readOnly }));
}

/** Each drive with its field of the spec. */
export function drivesOf({ root, drives }: Firecracker) {
  const first = root === undefined ? [] : [{ drive: root, name: 'root', root: true, field: 'firecracker.root' }];
  const others = drives.map((drive, at) => ({
    ...{ drive, name: `drive${at}`, root: false, field: `firecracker.drives.${at}` },
  }));
  return [...first, ...others];
}

/** `parseSpec` has checked that there is a kernel where nothing else gives it. */
export function ownBoot(firecracker: Firecracker): Bootable {
  const { kernel } = firecracker;
  if (kernel === undefined) throw invalidField('firecracker.kernel', 'is needed without an image');
  return { ...firecracker, kernel };
}

/** The image and the settings of its guest are drives that it only reads. */
export function withImage(firecracker: Firecracker, { kernel, initrd, disk, settings }: ImageBoot): Bootable {
  return { ...firecracker, kernel, initrd, drives: [disk, settings].map((path) => ({ path, readOnly: true })) };
}

/** Firecracker takes no balloon for a guest in huge pages. */
export function hasBalloon({ hugepages }: Pick<Firecracker, 'hugepages'>): boolean {
  return hugepages === undefined;
}

/** Firecracker gives a guest whole MiB. */
export function guestMib(memory: number): number {
  return Math.ceil(memory / MIB);
}

/** The spec's own, then what makes a guest that reboots or panics end Firecracker, then the address. Firecracker adds the root. */
export function kernelArguments({ id, firecracker, image, sandbox, servers }: ConfigOptions): string {
  const ip = image ? '' : (kernelIp(sandbox, { hostname: id, servers }) ?? '');
  const quiet = image ? 'quiet' : '';
  return [firecracker.append, quiet, 'reboot=k', 'panic=-1', 'pci=off', ip].filter((word) => word !== '').join(' ');
}

function driveConfig({ readOnly, rateLimiter }: Drive, name: string, root: boolean) {
  const bucket = (size: number | undefined) => (size === undefined ? undefined : { size, refill_time: REFILL_MS });
  const limits = rateLimiter && defined({ bandwidth: bucket(rateLimiter.bandwidth), ops: bucket(rateLimiter.ops) });
  return {
    ...{ drive_id: name, path_on_host: `/${name}`, is_root_device: root, is_read_only: readOnly },
    // A drive that forgets what its guest has flushed would surprise.
    ...(readOnly ? {} : { cache_type: 'Writeback' }),
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { rate_limiter: limits }),
  };
}

function balloonConfig({ deflateOnOom, statistics, freePageReporting }: Firecracker['balloon']) {
  return {
    ...{ amount_mib: 0, deflate_on_oom: deflateOnOom, stats_polling_interval_s: statistics },
    ...(freePageReporting ? { free_page_reporting: true } : {}),
  };
}
