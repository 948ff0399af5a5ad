import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensurePackages } from '../lab/prerequisites.js';

/** What a tier is, and what a machine must have for it. */
export interface Tier {
  readonly name: 'unit' | 'kernel' | 'host';
  readonly what: string;
  /** Of ava's idle timeout; the lab is slow. */
  readonly timeoutMinutes: number;
  readonly concurrency: number;
  /** Whether a file that fails is run once more. */
  readonly secondTry: boolean;
  /** Whether its files share workers (together.ts), with their temporary files in memory. */
  readonly together?: boolean;
  /** Makes the machine ready; returns why it cannot be, or undefined. */
  readonly prepare: () => Promise<string | undefined>;
  /** Builds what takes minutes where it is not cached. Begun while a tier runs that leaves a processor idle. Never rejects. */
  readonly build?: () => Promise<void>;
}

const LAB = fileURLToPath(new URL('../lab/cli.js', import.meta.url));
const KERNEL_PACKAGES = [
  'iproute2',
  'iputils-ping',
  'iperf3',
  'nftables',
  'conntrack',
  'crun',
  'catatonit',
  'qemu-system-x86',
  'busybox-static',
  'cpio',
  'prometheus',
  'skopeo',
  'golang-github-containers-common',
  'docker-registry',
  'docker.io',
  'podman',
  'zstd',
  'squashfs-tools',
];
const LAB_PACKAGES = ['mmdebstrap', 'qemu-utils', 'e2fsprogs', 'openssh-client'];

export const TIERS: readonly Tier[] = [
  {
    name: 'unit',
    what: 'no root, no kernel objects',
    timeoutMinutes: 2,
    // One more than the two processors of the smallest machine: a worker waits for a third of its time, for timers and programs.
    concurrency: 3,
    secondTry: false,
    together: true,
    prepare: async () => undefined,
  },
  {
    name: 'kernel',
    what: 'namespaces, links, cgroups, containers and microVMs on this kernel',
    timeoutMinutes: 5,
    concurrency: 1,
    secondTry: true,
    prepare: async () => {
      if (process.getuid?.() !== 0) return 'needs root';
      await ensurePackages(KERNEL_PACKAGES, { why: 'for the kernel tier of the tests' });
      return undefined;
    },
  },
  {
    name: 'host',
    what: 'the package on a systemd host, in the lab',
    timeoutMinutes: 20,
    concurrency: 1,
    secondTry: true,
    prepare: async () => {
      if (process.getuid?.() !== 0) return 'needs root, to build the lab image';
      await ensurePackages([...KERNEL_PACKAGES, ...LAB_PACKAGES], { why: 'for the lab of the host tier' });
      return undefined;
    },
    build: async () => {
      // Its failure is that of the first file that needs the lab, which says why.
      await promisify(execFile)(process.execPath, [LAB, 'build']).catch(() => undefined);
    },
  },
];

/** `x.kernel.test.js` and `x.host.test.js` name their tier; all others are unit tests. */
export function tierOf(file: string): Tier['name'] {
  if (file.endsWith('.kernel.test.js')) return 'kernel';
  return file.endsWith('.host.test.js') ? 'host' : 'unit';
}
