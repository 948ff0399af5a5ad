// Which drivers this host can run, as `node.describe` tells it.
import type { HostFacts } from '../host/facts.js';
import type { NodeDescription } from '../metrics/node-description.js';
import { DRIVER_NAMES } from '../model/spec.js';
import type { World } from '../workload/world.js';

export function usableDrivers(
  { config, which, kvmUsable }: Pick<World, 'config' | 'which' | 'kvmUsable'>,
  { kvm }: Pick<HostFacts, 'kvm'>,
): NodeDescription['drivers'] {
  const program = {
    exec: config.drivers.exec.allow.includes('isolation-none') ? undefined : config.drivers.oci.runtime,
    external: undefined,
    oci: config.drivers.oci.runtime,
    qemu: 'qemu-system-x86_64',
    firecracker: config.drivers.firecracker.binary,
  };
  return DRIVER_NAMES.map((name) => {
    const binary = program[name];
    if (binary !== undefined && which(binary) === undefined)
      return { name, usable: false, reason: `${binary} is not installed` };
    const why = kvm?.reason ?? 'KVM was not probed';
    if (name === 'firecracker') return { name, usable: kvmUsable, reason: kvmUsable ? 'kvm' : `needs KVM: ${why}` };
    return { name, usable: true, reason: name !== 'qemu' ? 'ready' : kvmUsable ? 'kvm' : `tcg: ${why}` };
  });
}
