import { someOf } from '../base/some-of.js';
import type { Limits } from '../host/facts.js';
import type { AgentStatus, Check } from './check.js';
import { DENSITY_CHECKS } from './density-checks.js';
import { LIMIT_CHECKS } from './limit-checks.js';
import { NETWORK_CHECKS } from './network-checks.js';

const CONTROLLERS = ['cpu', 'memory', 'pids'] as const;
const DEFAULT_WORKLOADS = 1000;
const MOST_OWNERS = 3;

const CGROUP_FIX =
  'Boot with `systemd.unified_cgroup_hierarchy=1`: add it to GRUB_CMDLINE_LINUX in /etc/default/grub, run `update-grub`, reboot.';

export const CHECKS: readonly Check[] = [
  {
    code: 'cgroup_v2_missing',
    severity: 'error',
    title: 'No cgroup v2 hierarchy',
    why: 'Without it no workload can be limited, measured, frozen or killed as a whole.',
    fix: CGROUP_FIX,
    when: ({ cgroup }) => problem(cgroup === undefined),
  },
  {
    code: 'controller_missing',
    severity: 'error',
    title: 'cgroup v2 controllers missing',
    why: 'Workloads that ask for a limit of a missing controller are refused.',
    fix: CGROUP_FIX,
    when: ({ cgroup }, { missingControllers = [] }) => {
      if (cgroup === undefined) return undefined;
      const lacking = CONTROLLERS.filter((name) => !cgroup.controllers.includes(name));
      const below = missingControllers.filter(({ controller }) => !lacking.some((name) => name === controller));
      const held = cgroup.hybrid ? ' (held by cgroup v1)' : '';
      const said = below.map(({ controller, reason }) => `${controller} (${reason})`);
      const all = [...(lacking.length > 0 ? [`${lacking.join(', ')}${held}`] : []), ...said];
      return all.length === 0 ? undefined : all.join('; ');
    },
  },
  {
    code: 'not_root',
    severity: 'error',
    title: 'Not running as root',
    why: 'Cgroups, namespaces and devices can be made by root only.',
    fix: 'Run `systemctl start berth`, or `sudo berth agent`.',
    when: ({ root }) => problem(!root),
  },
  {
    code: 'capability_missing',
    severity: 'error',
    title: 'Capabilities missing',
    why: 'Links and firewall need CAP_NET_ADMIN, namespaces and mounts CAP_SYS_ADMIN, ending workloads CAP_KILL.',
    fix: 'Add them to CapabilityBoundingSet= (`systemctl edit berth`), or run the container with `--privileged`.',
    when: ({ root, capabilities: { netAdmin, sysAdmin, kill } }) => {
      if (!root) return undefined;
      const lacking = Object.entries({ CAP_NET_ADMIN: netAdmin, CAP_SYS_ADMIN: sysAdmin, CAP_KILL: kill });
      const names = lacking.filter(([, held]) => !held).map(([name]) => name);
      return names.length === 0 ? undefined : names.join(', ');
    },
  },
  {
    code: 'no_tun',
    severity: 'warning',
    title: 'No /dev/net/tun',
    why: 'MicroVMs get their network through a tap device made there.',
    fix: 'Run `modprobe tun`; to keep it: `echo tun > /etc/modules-load.d/tun.conf`.',
    when: ({ tun }) => problem(!tun),
  },
  {
    code: 'nft_missing',
    severity: 'warning',
    title: 'nft is not installed',
    why: 'The static firewall tables are loaded with it once at start; without it there is no port forwarding and no egress policy.',
    fix: 'Run `apt-get install nftables`.',
    when: ({ binaries }) => problem(binaries.nft === undefined),
  },
  {
    code: 'ids_shared',
    severity: 'warning',
    title: 'Uids of workloads are promised to others, too',
    why: 'Whoever may act as the uid of a workload can trace and end its processes and read its files.',
    fix: 'Delete the workloads and choose another range for the named key of the configuration, or take the ids from the others (`usermod --del-subuids FIRST-LAST USER`).',
    when: (_, { sharedIds = [] }) => (sharedIds.length > 0 ? someOf(sharedIds, MOST_OWNERS) : undefined),
  },
  ...NETWORK_CHECKS,
  ...LIMIT_CHECKS,
  ...DENSITY_CHECKS,
  {
    code: 'psi_off',
    severity: 'warning',
    title: 'No pressure stall information',
    why: 'The start governor and the pressure ladder are blind, so the kernel kills before berth can act.',
    fix: 'Boot with `psi=1`: add it to GRUB_CMDLINE_LINUX in /etc/default/grub, run `update-grub`, reboot.',
    when: ({ psi }) => problem(!psi),
  },
  low('neigh_gc_low', 'Neighbour table is small', 'neighThresh', (workloads) => 2 * workloads, {
    why: 'Each workload with an address takes an entry; a full table drops packets of all.',
    key: 'net.ipv4.neigh.default.gc_thresh3',
    value: 8192,
  }),
  low('neigh6_gc_low', 'IPv6 neighbour table is small', 'neighThresh6', (workloads) => 2 * workloads, {
    why: 'Each workload with an address takes an entry; a full table drops packets of all.',
    key: 'net.ipv6.neigh.default.gc_thresh3',
    value: 8192,
  }),
  low('inotify_low', 'Few inotify watches', 'inotifyWatches', (workloads) => 16 * workloads, {
    why: 'berth takes three for each workload and programs inside take more; without one, events arrive late.',
    key: 'fs.inotify.max_user_watches',
    value: 1_048_576,
  }),
  low('inotify_instances_low', 'Few inotify instances', 'inotifyInstances', (workloads) => workloads, {
    why: 'Workloads of one user share them; programs that watch files fail with "too many open files".',
    key: 'fs.inotify.max_user_instances',
    value: 1_048_576,
  }),
  low('pid_max_low', 'Few process numbers', 'pidMax', (workloads) => 64 * workloads, {
    why: 'When they run out nothing can be started, in a workload or on the host.',
    key: 'kernel.pid_max',
    value: 4_194_304,
  }),
  low('keys_low', 'Few kernel keys', 'keysMax', (workloads) => workloads, {
    why: 'Each OCI container takes a session keyring of its user; the next one fails with "disk quota exceeded".',
    key: 'kernel.keys.maxkeys',
    value: 4000,
  }),
  {
    code: 'open_files_low',
    severity: 'warning',
    title: 'Few file descriptors for the agent',
    why: 'Sampling keeps up to twelve open for each workload.',
    fix: 'Run `systemctl edit berth` and set `LimitNOFILE=1048576` under [Service].',
    when: ({ limits: { openFiles } }, status) => below(openFiles, 16 * workloadsOf(status)),
  },
  {
    code: 'clock_unsynchronised',
    severity: 'warning',
    title: 'The clock follows no time source',
    why: 'Certificates, tokens and event times of schedulers will not agree with this host.',
    fix: 'Run `apt-get install systemd-timesyncd && timedatectl set-ntp true`.',
    when: ({ clockSynchronised }) => problem(!clockSynchronised),
  },
  {
    code: 'objects_leaked',
    severity: 'warning',
    title: 'Objects without workload',
    why: 'They hold addresses, memory or names that a new workload could use.',
    fix: 'Run `berth cleanup`.',
    when: (_, { leakedObjects = 0 }) => (leakedObjects > 0 ? String(leakedObjects) : undefined),
  },
  {
    code: 'scheduler_unreachable',
    severity: 'warning',
    title: 'No connection to a scheduler',
    why: 'Nothing new is placed here by it; running workloads follow their `offline` policy.',
    fix: 'Run `journalctl -u berth | grep scheduler`, and check the url and the credentials in [[control.scheduler]].',
    when: (_, { schedulersDown = [] }) => (schedulersDown.length > 0 ? schedulersDown.join(', ') : undefined),
  },
  {
    code: 'no_systemd',
    severity: 'info',
    title: 'systemd is not running',
    why: 'berth makes its own top-level cgroup, and nothing starts it after a reboot.',
    fix: 'Nothing to do in a container or a test; otherwise start `berth agent` from your init.',
    when: ({ systemd }) => problem(!systemd),
  },
  {
    code: 'crun_missing',
    severity: 'warning',
    title: 'No OCI runtime',
    why: 'Containers (driver oci) and the sandbox of driver exec are made by crun.',
    fix: 'Run `apt-get install crun`.',
    when: ({ binaries }) => problem(binaries.crun === undefined && binaries.runc === undefined),
  },
  {
    code: 'qemu_missing',
    severity: 'info',
    title: 'QEMU is not installed',
    why: 'The qemu driver needs qemu-system-x86_64.',
    fix: 'Run `apt-get install qemu-system-x86`.',
    when: ({ binaries }) => problem(binaries['qemu-system-x86_64'] === undefined),
  },
  {
    code: 'kvm_unusable',
    severity: 'info',
    title: 'KVM cannot be used',
    why: 'MicroVMs run under software emulation, many times slower.',
    fix: 'Run `modprobe kvm_amd || modprobe kvm_intel`; in a VM, have its provider enable nested virtualisation.',
    when: ({ kvm }) => (kvm === undefined || kvm.usable ? undefined : kvm.reason),
  },
  {
    code: 'swap_on',
    severity: 'info',
    title: 'The host has swap',
    why: 'Workloads get none unless they ask; the host’s own programs may still become slow instead of failing.',
    fix: 'Nothing, or `swapoff -a` and remove it from /etc/fstab.',
    when: ({ swapBytes }) => problem(swapBytes > 0),
  },
  {
    code: 'glibc_old',
    severity: 'info',
    title: 'glibc is older than 2.39',
    why: 'Processes are moved into their cgroup after the start, which takes about 40 ms more for each.',
    fix: 'Run berth on a newer distribution (Debian 13, Ubuntu 24.04).',
    when: ({ glibc }) => (glibc === undefined || isOlder(glibc, 2, 39) ? (glibc ?? 'no glibc') : undefined),
  },
];

interface SysctlFix {
  readonly why: string;
  readonly key: string;
  readonly value: number;
}

function low(
  code: string,
  title: string,
  limit: keyof Limits,
  need: (workloads: number) => number,
  fix: SysctlFix,
): Check {
  return {
    code,
    severity: 'warning',
    title,
    why: fix.why,
    fix: `Run \`sysctl -w ${fix.key}=${fix.value}\`; to keep it: \`echo ${fix.key}=${fix.value} >> /etc/sysctl.d/61-local.conf\`.`,
    when: ({ limits }, status) => below(limits[limit], need(workloadsOf(status))),
  };
}

function problem(exists: boolean): '' | undefined {
  return exists ? '' : undefined;
}

function below(value: number | undefined, need: number): string | undefined {
  return value === undefined || value >= need ? undefined : `${value}, wanted ${need}`;
}

function workloadsOf(status: AgentStatus): number {
  return status.workloadLimit ?? DEFAULT_WORKLOADS;
}

function isOlder(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a < major || (a === major && b < minor);
}
