// For each grant a spec that asks for it, and what that spec asks for besides.
import type { GrantName } from '../../../agent/config/drivers.js';

const command = ['/bin/true'];
const sandbox = { command, isolation: 'sandbox' };
const qemu = { kernel: '/k', initrd: '/i' };

export interface Asking {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly besides?: readonly GrantName[];
}

export const ASKING: Readonly<Record<GrantName, Asking>> = {
  'exec.root': { spec: { driver: 'exec', exec: { ...sandbox, user: 'root' } } },
  'exec.user': { spec: { driver: 'exec', exec: { ...sandbox, user: 'nobody' } } },
  'exec.host-network': { spec: { driver: 'exec', exec: sandbox, network: { mode: 'host' } } },
  'exec.isolation-none': {
    spec: { driver: 'exec', exec: { command, isolation: 'none', user: 'nobody' } },
    besides: ['exec.user'],
  },
  'oci.bundle': { spec: { driver: 'oci', oci: { bundle: '/b' } } },
  'oci.rootfs': { spec: { driver: 'oci', oci: { rootfs: '/', command } } },
  'oci.image-files': { spec: { driver: 'oci', image: 'oci:/srv/image:latest', oci: {} } },
  'oci.host-network': {
    spec: { driver: 'oci', oci: { rootfs: '/', command }, network: { mode: 'host' } },
    besides: ['oci.rootfs'],
  },
  'qemu.files': { spec: { driver: 'qemu', qemu } },
  'qemu.image-files': { spec: { driver: 'qemu', image: 'oci:/srv/image:latest' } },
  'firecracker.image-files': { spec: { driver: 'firecracker', image: 'oci:/srv/image:latest' } },
  'qemu.vsock': { spec: { driver: 'qemu', qemu: { ...qemu, vsock: true } }, besides: ['qemu.files'] },
  'firecracker.files': {
    spec: { driver: 'firecracker', firecracker: { kernel: '/k', initrd: '/i' } },
  },
  'external.sandbox': { spec: { driver: 'external' } },
  'external.namespace': {
    spec: { driver: 'external', external: { namespace: '/run/netns/x' }, network: { mode: 'routed' } },
    besides: ['external.sandbox'],
  },
};

/** A uid and a network of its own. */
export const WITHIN = { driver: 'exec', exec: sandbox } as const;
