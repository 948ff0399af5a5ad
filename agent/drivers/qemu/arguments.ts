// The command line of a microVM, as a pure function.
import { join } from 'node:path';
import { HUGE_PAGE } from '../../model/qemu-spec.js';
import type { Sandbox } from '../../model/record.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { kernelIp } from '../../network/kernel-ip.js';
import { invalidField } from '../files.js';
import type { ImageBoot } from '../guest/boot.js';
import { CONTROL_PORT } from '../guest/scripts.js';

export interface MachineOptions {
  readonly id: string;
  /** With the kernel that it boots. */
  readonly qemu: NonNullable<WorkloadSpec['qemu']>;
  /** Of an image: a guest that berth configures by a drive, and asks by a port. */
  readonly image?: Pick<ImageBoot, 'disk' | 'settings'> | undefined;
  /** Whether the host may merge equal pages of the guest. */
  readonly ksm: boolean;
  readonly sandbox: Sandbox;
  /** Name servers for the guest. */
  readonly servers: readonly string[];
  readonly directory: string;
  readonly accel: 'kvm' | 'tcg';
  readonly uid: number;
  /** QEMU's own, as in [7, 2]. */
  readonly version: readonly [number, number];
  /** It begins with the state that can be read from descriptor SNAPSHOT_FD, and waits to be told to go on. */
  readonly restored?: boolean;
}

/** The first that a shell leaves free. */
export const SNAPSHOT_FD = 3;

const MIB = 2 ** 20;

/** MiB of translated code; without a limit it grows to 1 GiB, far above any overhead (docs/about/emulation in QEMU). */
const TCG_CACHE = 64;

/** No `elevateprivileges=deny`: it would forbid the step down to `uid`, after which there is nothing to elevate with. */
const SECCOMP = 'on,obsolete=deny,spawn=deny,resourcecontrol=deny';

export function machineArguments(options: MachineOptions): string[] {
  const { id, qemu, sandbox, directory, accel } = options;
  return [
    ...['-name', id, '-M', machine(options), '-accel', accel === 'kvm' ? 'kvm' : `tcg,tb-size=${TCG_CACHE}`],
    ...['-cpu', accel === 'kvm' ? 'host' : 'max'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...serial(directory),
    ...memory(qemu),
    ...['-smp', String(qemu.vcpus)],
    ...['-kernel', kernelOf(qemu), '-append', kernelArguments(options)],
    ...(qemu.initrd === undefined ? [] : ['-initrd', qemu.initrd]),
    ...(qemu.root === undefined ? [] : rootDisk(qemu.root)),
    ...(options.image === undefined ? [] : imageGuest(options.image, directory)),
    ...networkCard(sandbox),
    ...(sandbox.vsockId === null ? [] : ['-device', `vhost-vsock-device,guest-cid=${sandbox.vsockId}`]),
    ...['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-device,rng=rng0'],
    // A guest in need of what was taken takes it back by itself.
    ...['-device', 'virtio-balloon-device,deflate-on-oom=on'],
    ...['-qmp', `unix:${escapeComma(qmpSocket(directory))},server=on,wait=off`],
    ...['-sandbox', SECCOMP, ...jail(options)],
    ...(options.restored ? ['-incoming', `fd:${SNAPSHOT_FD}`, '-S'] : []),
  ];
}

/** `parseSpec` has checked that there is one where nothing else gives it. */
export function kernelOf({ kernel }: Pick<NonNullable<WorkloadSpec['qemu']>, 'kernel'>): string {
  if (kernel === undefined) throw invalidField('qemu.kernel', 'is needed without an image');
  return kernel;
}

/** What QEMU makes of the guest's memory: whole MiB. */
export function ramSize(memory: number): number {
  return Math.ceil(memory / MIB) * MIB;
}

/** mem-merge is on unless QEMU is told otherwise, and would have a guest's memory compared with that of its neighbours. */
function machine({ qemu, ksm }: MachineOptions): string {
  const backend = qemu.hugepages === undefined ? '' : ',memory-backend=ram0';
  return `microvm,mem-merge=${ksm ? 'on' : 'off'}${backend}`;
}

/**
 * Huge pages come from the pool at once (prealloc), so that a guest never dies of SIGBUS for the want of one. Shared, as
 * memfd is meant: in huge pages it is charged to hugetlb.SIZE and not to memory.current.
 */
function memory({ memory: bytes, hugepages, lockMemory }: MachineOptions['qemu']): string[] {
  const size = `${ramSize(bytes) / MIB}M`;
  const backend =
    hugepages === undefined
      ? []
      : [
          '-object',
          `memory-backend-memfd,id=ram0,size=${size},share=on,prealloc=on,hugetlb=on,hugetlbsize=${HUGE_PAGE[hugepages] / MIB}M`,
        ];
  return ['-m', size, ...backend, ...(lockMemory ? ['-overcommit', 'mem-lock=on'] : [])];
}

/** The spec's own, then what makes a guest that reboots or panics end QEMU, then the address. */
export function kernelArguments(
  options: Pick<MachineOptions, 'id' | 'sandbox' | 'servers' | 'image'> & {
    readonly qemu: Pick<MachineOptions['qemu'], 'initrd' | 'append'>;
  },
): string {
  const { id, qemu, image, sandbox, servers } = options;
  if (image !== undefined) return [qemu.append, 'quiet', 'reboot=t', 'panic=-1'].join(' ');
  const root = qemu.initrd === undefined && !/(^|\s)root=/.test(qemu.append) ? ['root=/dev/vda', 'rw'] : [];
  const ip = kernelIp(sandbox, { hostname: id, servers }) ?? '';
  return [qemu.append, ...root, 'reboot=t', 'panic=-1', ip].filter((word) => word !== '').join(' ');
}

/** To the standard output, and to whoever connects: QEMU opens it again by its name, so a FIFO and a file will do. */
function serial(directory: string): string[] {
  const socket = escapeComma(consoleSocket(directory));
  const to = `socket,id=console,path=${socket},server=on,wait=off,logfile=/dev/stdout,logappend=on`;
  return ['-chardev', to, '-serial', 'chardev:console'];
}

export function consoleSocket(directory: string): string {
  return join(directory, 'tty.sock');
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

/** A pipe is there as long as QEMU: the guest waits for what is written to it, and never reads an end. */
function imageGuest({ disk, settings }: Pick<ImageBoot, 'disk' | 'settings'>, directory: string): string[] {
  return [
    ...readOnlyDisk('image', disk),
    ...readOnlyDisk('settings', settings),
    ...['-chardev', `pipe,id=control,path=${escapeComma(controlPipe(directory))}`],
    ...['-device', 'virtio-serial-device', '-device', `virtserialport,chardev=control,name=${CONTROL_PORT}`],
  ];
}

/** QEMU reads from the FIFO of this name with `.in` behind it, and writes to the one with `.out`. */
export function controlPipe(directory: string): string {
  return join(directory, 'control');
}

function readOnlyDisk(name: string, path: string): string[] {
  const file = { driver: 'file', filename: path, 'read-only': true };
  return [
    ...['-blockdev', JSON.stringify({ 'node-name': name, driver: 'raw', 'read-only': true, file })],
    ...['-device', `virtio-blk-device,drive=${name},serial=${name}`],
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
