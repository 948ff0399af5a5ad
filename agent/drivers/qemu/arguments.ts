// The command line of a microVM, as a pure function.
import { join } from 'node:path';
import { kernelIp } from '../../network/kernel-ip.js';
import type { Sandbox } from '../../workload/record.js';
import type { WorkloadSpec } from '../../workload/spec.js';

export interface MachineOptions {
  readonly id: string;
  readonly qemu: NonNullable<WorkloadSpec['qemu']>;
  readonly sandbox: Sandbox;
  /** Name servers for the guest. */
  readonly servers: readonly string[];
  readonly directory: string;
  readonly accel: 'kvm' | 'tcg';
  readonly uid: number;
  /** QEMU's own, as in [7, 2]. */
  readonly version: readonly [number, number];
}

const MIB = 2 ** 20;

/** No `elevateprivileges=deny`: it would forbid the step down to `uid`, after which there is nothing to elevate with. */
const SECCOMP = 'on,obsolete=deny,spawn=deny,resourcecontrol=deny';

export function machineArguments(options: MachineOptions): string[] {
  const { id, qemu, sandbox, directory, accel } = options;
  return [
    ...['-name', id, '-M', 'microvm', '-accel', accel, '-cpu', accel === 'kvm' ? 'host' : 'max'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-m', `${Math.ceil(qemu.memory / MIB)}M`, '-smp', String(qemu.vcpus)],
    ...['-kernel', qemu.kernel, '-append', kernelArguments(options)],
    ...(qemu.initrd === undefined ? [] : ['-initrd', qemu.initrd]),
    ...(qemu.root === undefined ? [] : rootDisk(qemu.root)),
    ...networkCard(sandbox),
    ...['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-device,rng=rng0'],
    ...['-qmp', `unix:${escapeComma(qmpSocket(directory))},server=on,wait=off`],
    ...['-sandbox', SECCOMP, ...jail(options)],
  ];
}

/** The spec's own, then what makes a guest that reboots or panics end QEMU, then the address. */
export function kernelArguments(options: Pick<MachineOptions, 'id' | 'qemu' | 'sandbox' | 'servers'>): string {
  const { id, qemu, sandbox, servers } = options;
  const root = qemu.initrd === undefined && !/(^|\s)root=/.test(qemu.append) ? ['root=/dev/vda', 'rw'] : [];
  const ip = kernelIp(sandbox, { hostname: id, servers }) ?? '';
  return [qemu.append, ...root, 'reboot=t', 'panic=-1', ip].filter((word) => word !== '').join(' ');
}

export function qmpSocket(directory: string): string {
  return join(directory, 'qmp.sock');
}

/** An empty directory, all of the filesystem that QEMU sees once it has opened what it needs. */
export function jailDirectory(directory: string): string {
  return join(directory, 'jail');
}

// Written through to the image: a root disk that forgets would surprise. QEMU's lock keeps a second VM off it.
function rootDisk(path: string): string[] {
  const file = { driver: 'file', filename: path, 'auto-read-only': false };
  return [
    '-blockdev',
    JSON.stringify({ 'node-name': 'root', driver: 'raw', 'read-only': false, discard: 'unmap', file }),
    ...['-device', 'virtio-blk-device,drive=root,serial=root'],
  ];
}

function networkCard({ tap, mac }: Sandbox): string[] {
  if (tap === null || mac === null) return [];
  return [
    ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no,vhost=off`],
    ...['-device', `virtio-net-device,netdev=n0,mac=${mac}`],
  ];
}

// -runas and -chroot are deprecated since 9.1 and 8.1.
function jail({ version: [major, minor], uid, directory }: MachineOptions): string[] {
  const root = escapeComma(jailDirectory(directory));
  if (major > 9 || (major === 9 && minor >= 1)) return ['-run-with', `user=${uid}:${uid},chroot=${root}`];
  return ['-runas', `${uid}:${uid}`, '-chroot', jailDirectory(directory)];
}

/** In a list of QEMU options a comma ends the value; two stand for one. */
function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
