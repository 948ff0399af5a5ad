import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The sub-cgroup of the unit in which the supervisor lives; the unit's own cgroup must stay without processes. */
export const SUPERVISOR_CGROUP = 'supervisor';

/** This process's cgroup v2 directory, or undefined without cgroup v2. */
export function ownCgroup(): string | undefined {
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  const mount = cgroup2Mount(readFileSync('/proc/self/mounts', 'utf8'));
  return path === undefined || mount === undefined ? undefined : join(mount, path);
}

/** Makes `directory` and moves this process there. */
export function enterCgroup(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'cgroup.procs'), String(process.pid));
}

/**
 * Leaves the unit's own cgroup for `supervisor/` below it: as long as a process is in a cgroup, no controller can be enabled
 * for its children (cgroups(7), "no internal processes"). With DelegateSubgroup= systemd has already done this.
 */
export function enterSupervisorCgroup(): string | undefined {
  const own = ownCgroup();
  if (own === undefined || basename(own) === SUPERVISOR_CGROUP) return own;
  const directory = join(own, SUPERVISOR_CGROUP);
  enterCgroup(directory);
  return directory;
}

/** The first cgroup2 mount of a mount table; on a hybrid host that is not /sys/fs/cgroup. */
export function cgroup2Mount(mounts: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [, directory, type] = line.split(' ');
    if (type === 'cgroup2') return directory;
  }
  return undefined;
}
