// What every container has, whoever its files belong to: kernel file systems of its own, and the paths in them that tell of
// the host or change it. As Docker has them.
import { join } from 'node:path';

/** Of the OCI runtime specification. */
export type Mount = {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: string[];
};

export const KERNEL_MOUNTS: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

export const OWN_NAMESPACES: readonly string[] = ['pid', 'ipc', 'uts', 'mount', 'cgroup'];

/** With a network of its own a user other than root may listen below port 1024 and send pings, as under Docker. */
export const OWN_NETWORK_SYSCTL = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

/** Read only: such a file is in the runtime directory, a tmpfs that a workload must not be able to fill. */
export function fileMount(destination: string, source: string): Mount {
  return { destination, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] };
}

/** As an element of `linux.namespaces`; none at all means the host's. */
export function networkNamespace(netns: string | null): { type: string; path: string }[] {
  return netns === null ? [] : [{ type: 'network', path: join('/run/netns', netns) }];
}
