// Which cpus a thread may run on (sched_setaffinity(2)), and the threads of a process (proc_pid_task(5)).
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { codeOf, SysError, sysErrorFrom } from './errors.js';
import { errno, func } from './libc.js';
import { readOptional } from './proc.js';

const libc = {
  set: func('int sched_setaffinity(int tid, size_t size, const uint8_t *mask)'),
  get: func('int sched_getaffinity(int tid, size_t size, _Out_ uint8_t *mask)'),
};

/** 1024 cpus, glibc's cpu_set_t; kernels built for more want a bigger mask to read into, and say EINVAL. */
const MASK_BYTES = 128;
const MAX_MASK_BYTES = 8192;

export interface Thread {
  readonly tid: number;
  readonly comm: string;
}

/**
 * Allows `tid` (of any process) `cpus` alone. The kernel leaves out those that its cpuset does not have. Returns false when
 * there is no such thread any more. Throws SysError: EINVAL when none of the cpus is left, EPERM.
 */
export function setAffinity(tid: number, cpus: readonly number[]): boolean {
  const bytes = Math.max(MASK_BYTES, Math.floor(Math.max(0, ...cpus) / 64) * 8 + 8);
  const mask = Buffer.alloc(bytes);
  for (const cpu of cpus) mask.writeUInt8(mask.readUInt8(cpu >> 3) | (1 << (cpu & 7)), cpu >> 3);
  if (libc.set(tid, mask.length, mask) === 0) return true;
  return gone(new SysError('sched_setaffinity', errno(), { path: `/proc/${tid}`, value: cpus.join(',') }), false);
}

/** Ascending; undefined when there is no such thread. Throws SysError. */
export function getAffinity(tid: number): number[] | undefined {
  for (let bytes = MASK_BYTES; ; bytes *= 2) {
    const mask = Buffer.alloc(bytes);
    if (libc.get(tid, mask.length, mask) === 0) return cpusOf(mask);
    const error = errno();
    if (error === constants.errno.EINVAL && bytes < MAX_MASK_BYTES) continue;
    return gone(new SysError('sched_getaffinity', error, { path: `/proc/${tid}` }), undefined);
  }
}

/** The threads of a process, the first one first; none when it is gone. */
export function readThreads(pid: number, proc = '/proc'): Thread[] {
  const directory = join(proc, String(pid), 'task');
  try {
    return readdirSync(directory).flatMap((name) => {
      const comm = readOptional(join(directory, name, 'comm'));
      return comm === undefined ? [] : [{ tid: Number(name), comm }];
    });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return [];
    throw sysErrorFrom(error, 'readdir', directory);
  }
}

function cpusOf(mask: Buffer): number[] {
  return [...mask].flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (byte & (1 << bit) ? [at * 8 + bit] : [])),
  );
}

function gone<T>(error: SysError, answer: T): T {
  if (error.errnoName === 'ESRCH') return answer;
  throw error;
}
