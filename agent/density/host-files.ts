// Files of the host that say what its ceilings are. Below a root of one's choice, so that tests point it at fixtures.
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface HostFilesOptions {
  /** Holds `proc`, `sys`. Default `/`. */
  readonly root?: string;
  /** Absolute directory of the cgroup berth works below. */
  readonly cgroup?: string;
  /** Process number of the supervisor. */
  readonly supervisor?: number;
  /** Those that workloads are put on: to find others, every link of the host would have to be asked. */
  readonly bridges?: readonly string[];
}

export interface HostFiles {
  readonly supervisor: number | undefined;
  /** Undefined: there is no such file, or it cannot be read: a ceiling of which nothing is known stops nobody. */
  text(path: string): string | undefined;
  sysctl(key: string): string | undefined;
  cgroup(file: string): string | undefined;
  /** Open files of a process, `self` among them. */
  openFiles(pid: number | 'self'): number | undefined;
  bridges(): readonly { readonly name: string; readonly ports: number }[];
  /** Cgroups with a memory controller on this host. */
  cgroupCount(): number | undefined;
}

export function hostFiles({ root = '/', cgroup, supervisor, bridges = [] }: HostFilesOptions = {}): HostFiles {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return undefined;
    }
  };
  const list = (path: string): string[] | undefined => {
    try {
      return readdirSync(join(root, path));
    } catch {
      return undefined;
    }
  };
  const text = (path: string): string | undefined => read(join(root, path));
  return {
    supervisor,
    text,
    sysctl: (key) => text(join('proc/sys', key.replaceAll('.', '/')))?.trim(),
    cgroup: (file) => (cgroup === undefined ? undefined : read(join(cgroup, file))?.trim()),
    openFiles: (pid) => sizeOfFd(join(root, `proc/${pid}/fd`)) ?? list(`proc/${pid}/fd`)?.length,
    bridges: () =>
      bridges.flatMap((name) => {
        const ports = list(`sys/class/net/${name}/brif`);
        return ports === undefined ? [] : [{ name, ports: ports.length }];
      }),
    // #subsys_name hierarchy num_cgroups enabled: cgroups(7). On cgroup v2, too.
    cgroupCount: () => numberOf(/^memory\s+\d+\s+(\d+)\s+1/m.exec(text('proc/cgroups') ?? '')?.[1]),
  };
}

/** PROC_SUPER_MAGIC. */
const PROCFS = 0x9fa0;

/**
 * Since Linux 6.2 procfs tells how many there are as the size of the directory: proc_pid_fd(5). To list them takes more
 * than a microsecond each, and the agent has a dozen for each workload.
 */
function sizeOfFd(path: string): number | undefined {
  try {
    const { size } = statSync(path);
    return size > 0 && statfsSync(path).type === PROCFS ? size : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for what is no number, `max` among it. Beyond 2^53 precision does not matter any more. */
export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** The word at this line and column, counted from 0. */
export function fieldOf(text: string | undefined, line: number, column: number, radix: 10 | 16): number | undefined {
  const word = text?.split('\n')[line]?.trim().split(/\s+/)[column];
  const value = word === undefined ? Number.NaN : Number.parseInt(word, radix);
  return Number.isNaN(value) ? undefined : value;
}

/** Soft limit of /proc/PID/limits; undefined without a limit. */
export function openFilesOf(text: string | undefined): number | undefined {
  return numberOf(/^Max open files\s+(\S+)/m.exec(text ?? '')?.[1]);
}

/** All threads of the host: `0.00 0.01 0.05 1/234 5678`, proc_loadavg(5). */
export function threadCount(text: string | undefined): number | undefined {
  return numberOf(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(text ?? '')?.[1]);
}

/** Of user 0: `    0:   112 111/111 108/1000000 2046/25000000`, keyrings(7): qnkeys and qnbytes. */
export function keyUsers(text: string | undefined): { readonly keys: number; readonly bytes: number } | undefined {
  const found = /^\s*0:\s+\d+\s+\S+\s+(\d+)\/\d+\s+(\d+)\/\d+/m.exec(text ?? '');
  return found === null ? undefined : { keys: Number(found[1]), bytes: Number(found[2]) };
}
