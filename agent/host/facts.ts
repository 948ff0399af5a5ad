// What this host is and can do, as data, so that the doctor can be tested anywhere. Most of it changes while an agent runs:
// live-facts.ts reads it again.

import { existsSync, readFileSync } from 'node:fs';
import { arch, hostname, release } from 'node:os';
import { join } from 'node:path';
import { findHierarchy, type Hierarchy } from '../../cgroups/hierarchy.js';
import { defined } from '../../linux/defined.js';
import { codeOf } from '../../linux/errors.js';
import { bootId, effectiveCapabilities, readMemInfo, readOptional, sysctl } from '../../linux/proc.js';
import { clockSynchronised, glibcVersion } from '../../linux/system.js';
import { type Binaries, findBinaries } from './binaries.js';
import type { KvmFacts } from './kvm.js';
import { type ModuleUse, missingModules } from './modules.js';

export interface HostFacts {
  readonly hostname: string;
  /** `6.12.9-amd64`. */
  readonly kernel: string;
  readonly arch: string;
  /** `2.41`; undefined without glibc. */
  readonly glibc?: string;
  readonly bootId: string;
  readonly root: boolean;
  readonly capabilities: { readonly netAdmin: boolean; readonly sysAdmin: boolean; readonly kill: boolean };
  /** systemd is PID 1. */
  readonly systemd: boolean;
  /** Undefined: no cgroup v2 is mounted. */
  readonly cgroup?: Hierarchy;
  readonly psi: boolean;
  readonly cpusOnline: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** /dev/net/tun is there. */
  readonly tun: boolean;
  readonly clockSynchronised: boolean;
  readonly limits: Limits;
  readonly binaries: Binaries;
  /** Kernel modules that the network needs and this host has not, by use; undefined when that cannot be told. */
  readonly modulesMissing?: Readonly<Partial<Record<ModuleUse, readonly string[]>>>;
  /** Filled in by who asked probeKvm. */
  readonly kvm?: KvmFacts;
}

/** Kernel settings as numbers; undefined where this kernel has none. */
export interface Limits {
  readonly ipForward?: number;
  /** net.ipv6.conf.all.forwarding. */
  readonly ipForward6?: number;
  /** net.bridge.bridge-nf-call-iptables; there only with br_netfilter. */
  readonly bridgeNfCall?: number;
  readonly inotifyInstances?: number;
  readonly inotifyWatches?: number;
  readonly neighThresh?: number;
  readonly neighThresh6?: number;
  readonly pidMax?: number;
  readonly threadsMax?: number;
  readonly keysMax?: number;
  readonly mapCount?: number;
  /** RLIMIT_NOFILE of this process, soft. */
  readonly openFiles?: number;
}

export interface ProbeOptions {
  readonly proc?: string;
  /** As $PATH. Default: the environment's, then the places where an administrator's programs are. */
  readonly path?: string;
  /** Of an earlier look: a program that has not changed since is not run again. */
  readonly binaries?: HostFacts['binaries'];
}

const SBIN = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Capability numbers, capability.h. */
const CAP = { kill: 5, netAdmin: 12, sysAdmin: 21 } as const;

/** About 100 ms, most of it asking programs for their version. Throws SysError only when proc itself is unreadable. */
export async function probeHost(options: ProbeOptions = {}): Promise<HostFacts> {
  const { proc = '/proc', path = searchPath() } = options;
  const modules = missingModules();
  return {
    ...readFacts(proc),
    binaries: await findBinaries(path, options.binaries),
    ...defined({ modulesMissing: modules }),
  };
}

/** As $PATH: the environment's, then the places where an administrator's programs are. */
export function searchPath(): string {
  return `${process.env.PATH ?? ''}:${SBIN}`;
}

/** What some thirty small files say now; nothing is started. Throws SysError when proc itself is unreadable. */
export function readFacts(proc = '/proc'): Omit<HostFacts, 'binaries'> {
  const held = effectiveCapabilities(proc);
  const has = (bit: number): boolean => ((held >> BigInt(bit)) & 1n) === 1n;
  const memory = readMemInfo(proc);
  const glibc = glibcVersion();
  const cgroup = findHierarchy(proc);
  return {
    hostname: hostname(),
    kernel: release(),
    arch: arch(),
    ...defined({ glibc }),
    bootId: bootId(proc),
    root: process.geteuid?.() === 0,
    capabilities: { netAdmin: has(CAP.netAdmin), sysAdmin: has(CAP.sysAdmin), kill: has(CAP.kill) },
    systemd: existsSync('/run/systemd/system'),
    ...defined({ cgroup }),
    psi: hasPsi(proc),
    cpusOnline: countCpus(readOptional('/sys/devices/system/cpu/online') ?? '0'),
    memoryBytes: memory.get('MemTotal') ?? 0,
    swapBytes: memory.get('SwapTotal') ?? 0,
    tun: existsSync('/dev/net/tun'),
    // Unknown is no finding.
    clockSynchronised: clockSynchronised() ?? true,
    limits: readLimits(proc),
  };
}

/** Pure. `0-3,8` -> 5. */
export function countCpus(list: string): number {
  let count = 0;
  for (const range of list.split(',')) {
    const [first, last] = range.split('-').map(Number);
    if (first !== undefined && !Number.isNaN(first)) count += (last ?? first) - first + 1;
  }
  return count;
}

/** Pure; /proc/PID/limits. `unlimited` becomes Infinity. */
export function parseOpenFiles(text: string): number | undefined {
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

// The file is there and cannot be read (EOPNOTSUPP) when the kernel was built with PSI and booted without.
function hasPsi(proc: string): boolean {
  try {
    return readFileSync(join(proc, 'pressure/memory'), 'latin1').startsWith('some');
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

function readLimits(proc: string): Limits {
  const read: Readonly<Record<keyof Limits, number | undefined>> = {
    ipForward: number(sysctl('net.ipv4.ip_forward', proc)),
    ipForward6: number(sysctl('net.ipv6.conf.all.forwarding', proc)),
    bridgeNfCall: number(sysctl('net.bridge.bridge-nf-call-iptables', proc)),
    inotifyInstances: number(sysctl('fs.inotify.max_user_instances', proc)),
    inotifyWatches: number(sysctl('fs.inotify.max_user_watches', proc)),
    neighThresh: number(sysctl('net.ipv4.neigh.default.gc_thresh3', proc)),
    neighThresh6: number(sysctl('net.ipv6.neigh.default.gc_thresh3', proc)),
    pidMax: number(sysctl('kernel.pid_max', proc)),
    threadsMax: number(sysctl('kernel.threads-max', proc)),
    keysMax: number(sysctl('kernel.keys.maxkeys', proc)),
    mapCount: number(sysctl('vm.max_map_count', proc)),
    openFiles: parseOpenFiles(readOptional(join(proc, 'self/limits')) ?? ''),
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
