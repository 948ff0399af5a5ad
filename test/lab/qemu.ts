/** Pure: how the lab's QEMU is called. A snapshot can only be loaded by the same machine: see `machineShape`. */
export interface MachineConfig {
  readonly kernel: string;
  readonly initrd: string;
  readonly disk: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly sshPort: number;
  readonly qmpSocket: string;
  readonly consoleLog: string;
  readonly loadSnapshot?: string | undefined;
}

/** Packages of the outer host that running a lab needs. */
export const RUN_PACKAGES: readonly string[] = ['qemu-utils', 'openssh-client', 'util-linux'];

const KERNEL_ARGUMENTS: readonly string[] = [
  ...['root=/dev/vda', 'rw', 'console=ttyS0', 'net.ifnames=0', 'panic=5'],
  // Under emulation these only cost time: there is no hardware to protect or to measure the clock against.
  ...['mitigations=off', 'init_on_alloc=0', 'tsc=reliable', 'loglevel=4', 'SYSTEMD_COLORS=0'],
];

export function qemuArguments(config: MachineConfig): string[] {
  return [
    ...['-name', 'berth-lab', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...machineShape(config.memoryMiB, config.cpus),
    ...['-kernel', config.kernel, '-initrd', config.initrd, '-append', KERNEL_ARGUMENTS.join(' ')],
    // The guest's power cut is a reset of a QEMU that lives on, so the outer host need not sync for its sake.
    ...['-drive', `file=${config.disk},if=none,id=disk0,format=qcow2,cache=unsafe,discard=unmap`],
    ...['-device', 'virtio-blk-pci,drive=disk0'],
    ...['-netdev', `user,id=net0,hostfwd=tcp:127.0.0.1:${config.sshPort}-:22`],
    ...['-device', 'virtio-net-pci,netdev=net0,romfile='],
    ...['-serial', `file:${config.consoleLog}`],
    ...['-qmp', `unix:${config.qmpSocket},server=on,wait=off`],
    ...(config.loadSnapshot === undefined ? [] : ['-loadvm', config.loadSnapshot]),
  ];
}

/**
 * `-cpu max` looks better and is not: a nested KVM guest hangs on it. EPYC with svm runs nested guests.
 */
export function machineShape(memoryMiB: number, cpus: number): string[] {
  return [
    ...['-M', 'q35', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'EPYC,+svm'],
    ...['-smp', String(cpus), '-m', String(memoryMiB)],
  ];
}

/** What a cached snapshot depends on besides the image; its hash names the snapshot. */
export function snapshotIdentity(qemuVersion: string, memoryMiB: number, cpus: number): unknown {
  const placeholder = { kernel: '', initrd: '', disk: '', qmpSocket: '', consoleLog: '', sshPort: 0 };
  return { qemuVersion, arguments: qemuArguments({ ...placeholder, memoryMiB, cpus }) };
}
