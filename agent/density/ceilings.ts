// Limits of the kernel that stop density before processors and memory do, as a table. What berth's workloads really
// consume is a dimension of the ledger (`dimension`); the others are watched and reported only.
import type { DimensionName } from '../model/dimensions.js';
import { fieldOf, type HostFiles, keyUsers, numberOf, openFilesOf, threadCount } from './host-files.js';

export interface CeilingDef {
  readonly name: string;
  /** What the limit is, and what happens at it. */
  readonly about: string;
  readonly dimension?: DimensionName;
  /** `used` counts what berth's workloads have as well as what others have, in the unit of the dimension. */
  readonly shared?: true;
  /** What lifts it, with the value for so many workloads; each is raised only. */
  readonly lift?: readonly Lift[];
  limit(files: HostFiles): number | undefined;
  used(files: HostFiles): number | undefined;
}

export interface Lift {
  /** As sysctl(8) names it. */
  readonly key: string;
  want(workloads: number): number;
}

/** One as read now. */
export interface Ceiling {
  readonly name: string;
  readonly limit: number;
  readonly used: number | null;
}

/** BR_MAX_PORTS in net/bridge/br_private.h, less the one that is never given out. */
export const BRIDGE_PORTS = 1023;
/** MEM_CGROUP_ID_MAX. */
const MEMORY_CGROUPS = 65_535;

const sysctl = (key: string) => (files: HostFiles) => numberOf(files.sysctl(key));
const none = (): undefined => undefined;
/** A power of two, as these are given by custom, with a tenth to spare. */
const roomFor = (each: number, least: number) => (workloads: number) =>
  Math.max(least, 2 ** Math.ceil(Math.log2(Math.max(1, each * workloads * 1.1))));

export const CEILINGS: readonly CeilingDef[] = [
  {
    name: 'bridge_ports',
    about: 'ports of one bridge that workloads are put on; the next link cannot be attached (EXFULL)',
    limit: () => BRIDGE_PORTS,
    used: (files) => Math.max(0, ...files.bridges().map(({ ports }) => ports)),
  },
  {
    name: 'neighbours',
    about: 'IPv4 neighbours of all namespaces together; beyond it packets are dropped',
    dimension: 'neighbours',
    shared: true,
    lift: [
      { key: 'net.ipv4.neigh.default.gc_thresh3', want: roomFor(2, 8192) },
      { key: 'net.ipv4.neigh.default.gc_thresh2', want: roomFor(1, 4096) },
    ],
    limit: sysctl('net.ipv4.neigh.default.gc_thresh3'),
    // Entries of the whole table, in hexadecimal, in the first column of every cpu's line.
    used: (files) => fieldOf(files.text('proc/net/stat/arp_cache'), 1, 0, 16),
  },
  {
    name: 'neighbours6',
    about: 'IPv6 neighbours of all namespaces together',
    lift: [
      { key: 'net.ipv6.neigh.default.gc_thresh3', want: roomFor(2, 8192) },
      { key: 'net.ipv6.neigh.default.gc_thresh2', want: roomFor(1, 4096) },
    ],
    limit: sysctl('net.ipv6.neigh.default.gc_thresh3'),
    used: (files) => fieldOf(files.text('proc/net/stat/ndisc_cache'), 1, 0, 16),
  },
  {
    name: 'inotify_instances',
    about: 'inotify instances of one user; programs fail with EMFILE',
    dimension: 'inotify_instances',
    lift: [{ key: 'fs.inotify.max_user_instances', want: roomFor(8, 8192) }],
    limit: sysctl('fs.inotify.max_user_instances'),
    used: none,
  },
  {
    name: 'inotify_watches',
    about: 'inotify watches of one user; programs fail with ENOSPC',
    dimension: 'inotify_watches',
    lift: [{ key: 'fs.inotify.max_user_watches', want: roomFor(64, 1_048_576) }],
    limit: sysctl('fs.inotify.max_user_watches'),
    used: none,
  },
  {
    name: 'keys',
    about: 'keys of root, who owns the session keyring of every container; EDQUOT beyond',
    dimension: 'keys',
    shared: true,
    lift: [
      { key: 'kernel.keys.root_maxkeys', want: roomFor(2, 1_000_000) },
      { key: 'kernel.keys.root_maxbytes', want: roomFor(200, 25_000_000) },
    ],
    limit: sysctl('kernel.keys.root_maxkeys'),
    used: (files) => keyUsers(files.text('proc/key-users'))?.keys,
  },
  {
    name: 'user_keys',
    about: 'keys of one user that is not root',
    lift: [
      { key: 'kernel.keys.maxkeys', want: roomFor(2, 4000) },
      { key: 'kernel.keys.maxbytes', want: roomFor(200, 2_000_000) },
    ],
    limit: sysctl('kernel.keys.maxkeys'),
    used: none,
  },
  {
    name: 'aio',
    about: 'requests of asynchronous I/O; io_setup fails with EAGAIN',
    lift: [{ key: 'fs.aio-max-nr', want: roomFor(512, 524_288) }],
    limit: sysctl('fs.aio-max-nr'),
    used: sysctl('fs.aio-nr'),
  },
  {
    name: 'pid_max',
    about: 'process numbers; nothing can be started beyond',
    dimension: 'pids',
    lift: [{ key: 'kernel.pid_max', want: () => 4_194_304 }],
    limit: sysctl('kernel.pid_max'),
    used: (files) => threadCount(files.text('proc/loadavg')),
  },
  {
    name: 'threads_max',
    about: 'threads of the whole host; its default follows the memory',
    dimension: 'pids',
    lift: [{ key: 'kernel.threads-max', want: roomFor(128, 131_072) }],
    limit: sysctl('kernel.threads-max'),
    used: (files) => threadCount(files.text('proc/loadavg')),
  },
  {
    name: 'agent_files',
    about: 'open files of the agent (RLIMIT_NOFILE); it cannot sample more workloads beyond',
    dimension: 'fds',
    limit: (files) => openFilesOf(files.text('proc/self/limits')),
    used: (files) => files.openFiles('self'),
  },
  {
    name: 'supervisor_files',
    about: 'open files of the supervisor (RLIMIT_NOFILE)',
    limit: (files) =>
      files.supervisor === undefined ? undefined : openFilesOf(files.text(`proc/${files.supervisor}/limits`)),
    used: (files) => (files.supervisor === undefined ? undefined : files.openFiles(files.supervisor)),
  },
  {
    name: 'files',
    about: 'open files of the whole host',
    lift: [{ key: 'fs.file-max', want: roomFor(1024, 2_097_152) }],
    limit: sysctl('fs.file-max'),
    used: (files) => fieldOf(files.sysctl('fs.file-nr'), 0, 0, 10),
  },
  {
    name: 'open_files',
    about: 'the most that RLIMIT_NOFILE of any process can be',
    lift: [{ key: 'fs.nr_open', want: () => 1_048_576 }],
    limit: sysctl('fs.nr_open'),
    used: none,
  },
  {
    name: 'ptys',
    about: 'pseudo-terminals',
    lift: [{ key: 'kernel.pty.max', want: roomFor(2, 4096) }],
    limit: sysctl('kernel.pty.max'),
    used: sysctl('kernel.pty.nr'),
  },
  {
    name: 'conntrack',
    about: 'tracked connections of all namespaces; new ones are dropped beyond',
    lift: [{ key: 'net.netfilter.nf_conntrack_max', want: roomFor(256, 262_144) }],
    limit: sysctl('net.netfilter.nf_conntrack_max'),
    used: sysctl('net.netfilter.nf_conntrack_count'),
  },
  {
    name: 'map_count',
    about: 'mappings of one process; a VMM with many regions fails with ENOMEM',
    lift: [{ key: 'vm.max_map_count', want: () => 262_144 }],
    limit: sysctl('vm.max_map_count'),
    used: none,
  },
  {
    name: 'network_namespaces',
    about: 'network namespaces of one user; ENOSPC beyond',
    dimension: 'netns',
    lift: [{ key: 'user.max_net_namespaces', want: roomFor(2, 8192) }],
    limit: sysctl('user.max_net_namespaces'),
    used: none,
  },
  {
    name: 'memory_cgroups',
    about: 'cgroups with a memory controller (16 bits of id); ENOSPC beyond, also for cgroups that are dying',
    dimension: 'cgroups',
    shared: true,
    limit: () => MEMORY_CGROUPS,
    used: (files) => files.cgroupCount(),
  },
  {
    name: 'descendants',
    about: 'cgroup.max.descendants of the cgroup berth works below',
    dimension: 'cgroups',
    shared: true,
    limit: (files) => numberOf(files.cgroup('cgroup.max.descendants')),
    used: (files) => numberOf(/^nr_descendants (\d+)/m.exec(files.cgroup('cgroup.stat') ?? '')?.[1]),
  },
];

/** All that this kernel has. */
export function readCeilings(files: HostFiles): Ceiling[] {
  return CEILINGS.flatMap(({ name, limit, used }) => {
    const most = limit(files);
    return most === undefined ? [] : [{ name, limit: most, used: used(files) ?? null }];
  });
}
