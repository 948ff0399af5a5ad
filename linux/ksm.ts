// Merging of equal pages (Documentation/admin-guide/mm/ksm.rst): the switch of a process, and what it has saved.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from './errors.js';
import { check, func } from './libc.js';

const prctl = func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');

const PR_SET_MEMORY_MERGE = 67;

export interface KsmStat {
  /** Pages of the processes that are shared, or were. */
  readonly mergingPages: number;
  /** Bytes saved, less what the bookkeeping takes: negative when little could be merged. */
  readonly profit: number;
}

/**
 * Runs `body`, which starts a process, with the switch of this process on: the new one inherits it, and so does all that
 * it starts (fork since Linux 6.4, exec since 6.9). posix_spawn(3) borrows this process's memory until the exec, so that
 * there is no moment at which the child could switch it on for itself. Of this process nothing is merged in a time that
 * short: ksmd takes a page only when it has seen it unchanged in two rounds. Throws SysError EINVAL where the kernel is
 * older than 6.4, or built without KSM.
 */
export function withMemoryMerge<T>(body: () => T): T {
  check(prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0), 'prctl', { value: 'PR_SET_MEMORY_MERGE' });
  try {
    return body();
  } finally {
    check(prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0), 'prctl', { value: 'PR_SET_MEMORY_MERGE' });
  }
}

/** Pure. /proc/PID/ksm_stat: a name and a number per line, `ksm_merge_any: yes` at the end since 6.14. */
export function parseKsmStat(text: string): KsmStat {
  const figure = (name: string): number => Number(new RegExp(`^${name} (-?\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { mergingPages: figure('ksm_merging_pages'), profit: figure('ksm_process_profit') };
}

/** Undefined: there is no such process, or this kernel does not tell (before 6.1). */
export function readKsmStat(pid: number, proc = '/proc'): KsmStat | undefined {
  const path = join(proc, String(pid), 'ksm_stat');
  try {
    return parseKsmStat(readFileSync(path, 'latin1'));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}

/** Of several processes together; those that are gone by now count nothing. */
export function sumKsm(pids: readonly number[], proc = '/proc'): KsmStat {
  const sum = { mergingPages: 0, profit: 0 };
  for (const pid of pids) {
    const stat = readKsmStat(pid, proc);
    sum.mergingPages += stat?.mergingPages ?? 0;
    sum.profit += stat?.profit ?? 0;
  }
  return sum;
}
