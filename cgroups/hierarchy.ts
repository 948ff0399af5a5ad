// Where cgroup v2 is mounted, and what it can do there. On a hybrid host v1 holds the controllers and v2 is left with
// few or none; the v1 mounts are never touched.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sysErrorFrom } from '../linux/errors.js';
import { words } from './keyed.js';

export interface Hierarchy {
  /** Mount point of cgroup2, e.g. `/sys/fs/cgroup`. */
  readonly mount: string;
  /** Controllers are (partly) held by cgroup v1. */
  readonly hybrid: boolean;
  /** Available at the root of the v2 hierarchy, e.g. `['cpu', 'memory', 'pids']`. */
  readonly controllers: readonly string[];
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Undefined where no cgroup2 is mounted. Throws SysError when proc cannot be read. */
export function findHierarchy(proc = '/proc'): Hierarchy | undefined {
  const mounts = parseMounts(read(join(proc, 'self/mountinfo')));
  const mount = chooseMount(mounts);
  if (mount === undefined) return undefined;
  const hybrid = mounts.some(({ type, options }) => type === 'cgroup' && !options.some((o) => o.startsWith('name=')));
  return { mount, hybrid, controllers: words(read(join(mount, 'cgroup.controllers'))) };
}

/** The v2 cgroup of a process as path from the mount, e.g. `/system.slice/berth.service`; undefined without v2. */
export function cgroupOf(pid: number | 'self', proc = '/proc'): string | undefined {
  return /^0::(.*)$/m.exec(read(join(proc, String(pid), 'cgroup')))?.[1];
}

/** Pure; the text of /proc/PID/mountinfo, proc_pid_mountinfo(5). Only cgroup file systems. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ');
    const fields = left?.split(' ') ?? [];
    const [type, , options] = right?.split(' ') ?? [];
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    mounts.push({
      root: unescapeOctal(fields[3] ?? ''),
      point: unescapeOctal(fields[4] ?? ''),
      type,
      options: options?.split(',') ?? [],
    });
  }
  return mounts;
}

/** A bind mount of a part of the tree (root not `/`) hides the parents whose controllers must be enabled. */
function chooseMount(mounts: readonly Mount[]): string | undefined {
  const v2 = mounts.filter(({ type }) => type === 'cgroup2');
  const usual = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
  const whole = v2.filter(({ root }) => root === '/');
  const best = whole.find(({ point }) => usual.includes(point)) ?? whole[0] ?? v2[0];
  return best?.point;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}
