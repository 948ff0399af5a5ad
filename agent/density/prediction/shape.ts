// Which workloads are expected to behave alike: the same driver, the same thing to run, the same limits.
import { createHash } from 'node:crypto';
import type { WorkloadSpec } from '../../model/spec.js';

type Shaped = Pick<
  WorkloadSpec,
  'driver' | 'resources' | 'exec' | 'oci' | 'qemu' | 'firecracker' | 'external' | 'image'
>;

/** `exec/3f9a...`: the driver, so that people see something in it, and a hash of all the rest. */
export function shapeOf(spec: Shaped): string {
  const { driver, resources, exec, oci, qemu, firecracker: vm, external, image } = spec;
  const what = {
    exec: exec && [exec.command, exec.user],
    oci: oci && [oci.bundle ?? null, oci.rootfs ?? null, oci.command ?? null, ...(image === undefined ? [] : [image])],
    qemu: qemu && [qemu.kernel, qemu.initrd ?? null, qemu.root ?? null, qemu.append, qemu.vcpus, qemu.memory],
    firecracker: vm && [vm.kernel, vm.initrd ?? null, vm.root?.path ?? null, vm.append, vm.vcpus, vm.memory],
    external: external && [external.tap, external.at],
  }[driver];
  const text = JSON.stringify([driver, what ?? null, resources], sorted);
  return `${driver}/${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** The order in which somebody wrote the fields down is no difference. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
