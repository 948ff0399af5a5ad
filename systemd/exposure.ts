// What `systemd-analyze security` finds open in each unit, and why it stays open. Tests hold the measured findings to this
// table, in both directions; docs/hardening.md is made from it.

/** Findings by the names that systemd-analyze prints, without the `=` at the end. */
export interface OpenFindings {
  /** A `*` at the end stands for any rest. */
  readonly findings: readonly string[];
  readonly why: string;
}

export interface UnitExposure {
  /** No version of systemd measures more. */
  readonly worst: number;
  readonly summary: string;
  readonly open: readonly OpenFindings[];
}

const MOUNT_NAMESPACE: readonly string[] = [
  ...['PrivateDevices', 'PrivateMounts', 'PrivateTmp', 'ProcSubset', 'ProtectControlGroups', 'ProtectHome'],
  ...['ProtectKernelLogs', 'ProtectKernelModules', 'ProtectKernelTunables', 'ProtectProc', 'ProtectSystem'],
  'RootDirectory=/RootImage',
];

export const EXPOSURE: Readonly<Record<string, UnitExposure>> = {
  'berth.service': {
    worst: 5.9,
    summary: 'The agent. It starts no workload: no child of it outlives it, and no workload inherits what is set here.',
    open: [
      {
        findings: MOUNT_NAMESPACE,
        why: 'Each gives the unit a mount namespace. The network namespaces that the agent mounts at /run/netns would then be invisible to the host, to `ip netns` and to the supervisor.',
      },
      {
        findings: ['User=/DynamicUser', 'PrivateUsers'],
        why: 'The agent writes cgroups, sysctls and the network of the host, which belong to root.',
      },
      {
        findings: ['PrivateNetwork', 'RestrictNamespaces=~net', 'CapabilityBoundingSet=~CAP_NET_ADMIN'],
        why: 'The agent creates network namespaces, links, routes and firewall rules in the network of the host. All other kinds of namespaces are closed.',
      },
      {
        findings: ['RestrictAddressFamilies=~AF_(INET|INET6)', 'IPAddressDeny'],
        why: 'The agent dials the schedulers of its configuration and serves metrics: addresses that the unit cannot know.',
      },
      {
        findings: ['RestrictAddressFamilies=~AF_UNIX', 'RestrictAddressFamilies=~AF_NETLINK'],
        why: 'The local socket, the supervisor and sd_notify use AF_UNIX. Links, routes, firewall and socket diagnosis use AF_NETLINK.',
      },
      {
        findings: ['CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)'],
        why: '`web.listen` may name a port below 1024 (NET_BIND_SERVICE), and the agent hears of links in other namespaces (NET_BROADCAST). NET_RAW is dropped.',
      },
      {
        findings: ['CapabilityBoundingSet=~CAP_SYS_ADMIN', 'SystemCallFilter=~@mount'],
        why: 'setns, unshare, bind mounts at /run/netns and cgroup files need them.',
      },
      {
        findings: [
          'CapabilityBoundingSet=~CAP_(CHOWN|FSETID|SETFCAP)',
          'CapabilityBoundingSet=~CAP_(DAC_*|FOWNER|IPC_OWNER)',
        ],
        why: 'The agent gives files to the users of workloads and the socket to its group, and reads files of other users. FSETID, SETFCAP and IPC_OWNER are dropped.',
      },
      {
        findings: ['CapabilityBoundingSet=~CAP_KILL', 'CapabilityBoundingSet=~CAP_SYS_PTRACE'],
        why: 'Processes of workloads have other users. The agent kills those that left their cgroup, and reads whose namespace they hold (/proc/PID/ns, /proc/PID/fd).',
      },
      {
        findings: ['CapabilityBoundingSet=~CAP_SYS_(NICE|RESOURCE)', 'SystemCallFilter=~@resources'],
        why: 'The agent pins the virtual cpus of a VM to their cpus and opens PSI triggers with short windows.',
      },
      {
        findings: ['CapabilityBoundingSet=~CAP_SYSLOG'],
        why: 'The log of the kernel is where the kernel names the process that it OOM-killed.',
      },
      {
        findings: ['DeviceAllow'],
        why: 'Three devices are open, all others closed: /dev/net/tun for taps, /dev/kvm for the probe, /dev/kmsg to read. The check counts any list as half open.',
      },
      {
        findings: ['SystemCallFilter=~@clock', 'ProtectClock'],
        why: 'adjtimex alone is open: it tells whether the clock is synchronised. Setting the clock needs CAP_SYS_TIME, which is dropped.',
      },
      {
        findings: ['SystemCallFilter=~@debug'],
        why: 'pidfd_getfd alone is open: it finds a network namespace that lives only by a socket. ptrace and perf_event_open are closed.',
      },
      {
        findings: ['SystemCallFilter=~@privileged'],
        why: 'chown and setns are in it; the capabilities that most of the others need are dropped.',
      },
      { findings: ['MemoryDenyWriteExecute'], why: 'Node compiles at run time.' },
      {
        findings: ['ProtectHostname'],
        why: 'It gives the unit a UTS namespace of its own: the agent would go on reporting a host name that has changed.',
      },
    ],
  },
  'berth-workloads.service': {
    worst: 9.6,
    summary:
      'The supervisor, parent of every workload. Workloads inherit whatever is set here, and a workload cannot undo it: what each may do is for its driver to set.',
    open: [
      {
        findings: ['Delegate'],
        why: 'The subtree of this unit is where the workloads have their cgroups.',
      },
      {
        findings: ['CapabilityBoundingSet=~*'],
        why: 'crun ends with "capset: Operation not permitted" when the config.json of a bundle asks for a capability that is not in the bounding set. Drivers exec, oci and qemu drop the capabilities themselves.',
      },
      {
        findings: ['NoNewPrivileges', 'RestrictSUIDSGID'],
        why: 'Containers run setuid programs such as su and passwd, and package managers install them. Driver exec sets no_new_privs itself.',
      },
      {
        findings: [
          ...['SystemCallFilter=~*', 'SystemCallArchitectures', 'LockPersonality', 'RestrictRealtime'],
          ...['MemoryDenyWriteExecute', 'RestrictNamespaces=~*', 'RestrictAddressFamilies=~*'],
        ],
        why: 'Each is a system call filter that costs every workload time at each call, and takes from some what they need: 32-bit programs, just-in-time compilers, containers in containers, guests with vsock. Drivers exec, oci and qemu set a filter of their own.',
      },
      {
        findings: [...MOUNT_NAMESPACE, 'PrivateNetwork', 'PrivateUsers', 'ProtectHostname', 'User=/DynamicUser'],
        why: 'The supervisor starts processes in the namespaces that the agent made in those of the host, as any user. A sandbox has its own.',
      },
      {
        findings: ['DeviceAllow', 'ProtectClock', 'IPAddressDeny'],
        why: 'They hold for the whole subtree by BPF programs: QEMU opens /dev/kvm and taps, and firewall and devices of each workload are set by berth.',
      },
      {
        findings: ['UMask'],
        why: 'Workloads inherit the umask and expect 022. Every file of the supervisor has an explicit mode: all but those for resolving names are for root alone.',
      },
    ],
  },
};

/** Whether a finding, as systemd-analyze names it, stands in the table of the unit. */
export function isExplained(unit: UnitExposure, finding: string): boolean {
  return unit.open.some(({ findings }) => findings.some((pattern) => covers(pattern, finding)));
}

/** Patterns of the table that none of these findings has: the directive has been set, and the reason is stale. */
export function staleReasons(unit: UnitExposure, found: readonly string[]): string[] {
  const patterns = unit.open.flatMap(({ findings }) => findings);
  return patterns.filter((pattern) => !found.some((finding) => covers(pattern, finding)));
}

function covers(pattern: string, finding: string): boolean {
  const name = finding.replace(/=$/, '');
  return pattern.endsWith('=~*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

export function hardeningMarkdown(): string {
  const lines = [
    '<!-- Made by `npm run generate` from systemd/exposure.ts. Do not edit. -->',
    '# Hardening of the units',
    '',
    '`systemd-analyze security UNIT` measures how exposed a unit is, from 0 to 10. Below is the most that any tested version of',
    'systemd (252 and 257) measures, and why each directive that is not set is not set. The tests measure both again.',
  ];
  for (const [name, { worst, summary, open }] of Object.entries(EXPOSURE)) {
    lines.push('', `## ${name}: at most ${worst}`, '', summary, '', '| open | why |', '|---|---|');
    for (const { findings, why } of open)
      lines.push(`| ${findings.map((finding) => `\`${finding.replaceAll('|', '\\|')}\``).join(', ')} | ${why} |`);
  }
  return `${lines.join('\n')}\n`;
}
