// The config.json berth writes for a bare root filesystem: what `docker run` would have made of it. No seccomp profile.
import type { Sandbox } from '../../workload/record.js';
import type { WorkloadSpec } from '../../workload/spec.js';
import { ROOT_CAPABILITIES } from '../capabilities.js';
import { DEFAULT_PATH, workloadEnvironment } from '../environment.js';
import { networkNamespace, type OciConfig } from './config.js';
import type { NameFiles } from './names.js';

export interface DefaultOptions {
  readonly spec: WorkloadSpec;
  readonly oci: NonNullable<WorkloadSpec['oci']>;
  /** Absolute, without symbolic links: mount(8) finds it in the mount table. */
  readonly rootfs: string;
  /** Absolute path of mount(8). */
  readonly mount: string;
  readonly sandbox: Sandbox;
  /** Shown as /etc/resolv.conf, /etc/hosts and /etc/hostname. */
  readonly names: NameFiles;
  /** Hard limit of open files. */
  readonly maxFiles: number;
}

const MOUNTS = [
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

const MASKED = [
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

const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** With a network of its own a user other than root may listen below port 1024 and send pings, as under Docker. */
const OWN_NETWORK_SYSCTL = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export function defaultConfig(options: DefaultOptions): OciConfig {
  const { spec, oci, sandbox } = options;
  const env = workloadEnvironment(spec, sandbox, oci.env, oci.user.uid === 0 ? '/root' : '/');
  const all = ROOT_CAPABILITIES.map((name) => `CAP_${name}`);
  const held = oci.user.uid === 0 ? all : [];
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: oci.user,
      args: [...(oci.command ?? [])],
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: { bounding: all, effective: held, permitted: held, inheritable: [], ambient: [] },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: Math.min(1024, options.maxFiles), hard: options.maxFiles }],
    },
    root: { path: options.rootfs, readonly: oci.readonly },
    hostname: spec.id,
    hooks: { createContainer: [withoutDevices(options)] },
    mounts: [
      ...MOUNTS,
      fileMount('/etc/resolv.conf', options.names.resolvConf),
      fileMount('/etc/hosts', options.names.hosts),
      fileMount('/etc/hostname', options.names.hostname),
    ],
    linux: {
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
        ...networkNamespace(sandbox.netns),
      ],
      ...(sandbox.netns === null ? {} : { sysctl: OWN_NETWORK_SYSCTL }),
      maskedPaths: MASKED,
      readonlyPaths: READONLY,
    },
  };
}

// The specification has no mount options for the root, and crun clears those of a mount it finds there. This hook runs
// in the container's mount namespace, before it is entered. Without it a device node in an image would open the device.
function withoutDevices({ mount, rootfs, oci }: DefaultOptions) {
  const flags = `remount,bind,nodev,nosuid${oci.readonly ? ',ro' : ''}`;
  return { path: mount, args: ['mount', '-o', flags, rootfs], env: [`PATH=${DEFAULT_PATH}`] };
}

// Read only: they are in the runtime directory, a tmpfs that a workload must not be able to fill.
function fileMount(destination: string, source: string) {
  return { destination, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] };
}
