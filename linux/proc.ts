// Readers of proc(5). Each takes the mount point last, so that tests point it at a fixture tree.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from './errors.js';

/** Of /proc/PID/stat: where a process stands in the tree, and what tells it from another with the same number. */
export interface ProcessStat {
  readonly pid: number;
  readonly comm: string;
  /** One letter, `R S D Z T ...`. */
  readonly state: string;
  readonly ppid: number;
  /** Process group. */
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot; with pid and boot id a name that is never used twice. */
  readonly startTime: number;
}

/** /proc/meminfo in bytes, by the kernel's names: `MemTotal`, `SwapTotal`, ... */
export type MemInfo = ReadonlyMap<string, number>;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** The file's text without the last newline, or undefined when it is not there. Throws SysError otherwise. */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH') return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}

/** Pure. comm may hold spaces and brackets, so the fields are counted from the last `)` (proc_pid_stat(5)). */
export function parseStat(text: string): ProcessStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: rest[0] ?? '',
    ppid: Number(rest[1]),
    group: Number(rest[2]),
    session: Number(rest[3]),
    startTime: Number(rest[19]),
  };
}

/** Undefined when there is no such process. */
export function readStat(pid: number, proc = '/proc'): ProcessStat | undefined {
  const text = readOptional(join(proc, String(pid), 'stat'));
  return text === undefined ? undefined : parseStat(text);
}

/** Whether `pid` is still the process that started at `startTime`; a zombie counts as gone. */
export function isSameProcess(pid: number, startTime: number, proc = '/proc'): boolean {
  const stat = readStat(pid, proc);
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Whether it and all that it starts may gain no privileges, which none of them can take back (PR_SET_NO_NEW_PRIVS). */
export function hasNoNewPrivileges(pid: number, proc = '/proc'): boolean {
  return /^NoNewPrivs:\s*1$/m.test(readOptional(join(proc, String(pid), 'status')) ?? '');
}

/** A UUID that is new with every boot. */
export function bootId(proc = '/proc'): string {
  return read(join(proc, 'sys/kernel/random/boot_id')).trim();
}

/** Seconds since boot, with hundredths. */
export function uptime(proc = '/proc'): number {
  return Number.parseFloat(read(join(proc, 'uptime')));
}

/** Pure. Lines without `kB` (HugePages_Total) are counts and stay as they are. */
export function parseMemInfo(text: string): MemInfo {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([^:]+):\s+(\d+)( kB)?/.exec(line);
    if (match?.[1] !== undefined) found.set(match[1], Number(match[2]) * (match[3] === undefined ? 1 : 1024));
  }
  return found;
}

export function readMemInfo(proc = '/proc'): MemInfo {
  return parseMemInfo(read(join(proc, 'meminfo')));
}

/** Clock ticks of all cpus since boot. */
export interface CpuTicks {
  readonly total: number;
  readonly idle: number;
}

/** Pure. The line `cpu` of /proc/stat (proc_stat(5)); time of guests is in that of their host already. */
export function parseCpuTicks(text: string): CpuTicks {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = text
    .slice(0, text.indexOf('\n'))
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { total: user + nice + system + idle + iowait + irq + softirq + steal, idle: idle + iowait };
}

export function readCpuTicks(proc = '/proc'): CpuTicks {
  return parseCpuTicks(read(join(proc, 'stat')));
}

/** `sysctl('net.ipv4.ip_forward')` -> `"1"`; undefined when this kernel has no such key. */
export function sysctl(name: string, proc = '/proc'): string | undefined {
  return readOptional(join(proc, 'sys', name.replaceAll('.', '/')));
}

/** Effective capabilities as a bit set (capabilities(7)), from /proc/PID/status. */
export function effectiveCapabilities(proc = '/proc', pid: number | 'self' = 'self'): bigint {
  const match = /^CapEff:\s+([0-9a-f]+)$/m.exec(read(join(proc, String(pid), 'status')));
  return BigInt(`0x${match?.[1] ?? '0'}`);
}
