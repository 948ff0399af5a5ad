// Merging of equal pages (Documentation/admin-guide/mm/ksm.rst): the switch of a process, and what it has saved.
import { readFile } from 'node:fs/promises';
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

/** Pure. /proc/PID/ksm_stat: a name and a number per line, words too since 6.14. Undefined before 6.4, which has no profit. */
export function parseKsmStat(text: string): KsmStat | undefined {
  const figure = (name: string): number | undefined => {
    const [, digits] = new RegExp(`^${name} (-?\\d+)$`, 'm').exec(text) ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  const [mergingPages, profit] = [figure('ksm_merging_pages'), figure('ksm_process_profit')];
  return mergingPages === undefined || profit === undefined ? undefined : { mergingPages, profit };
}

/**
 * Of several processes together; those that are gone by now count nothing. Undefined: none is left, or this kernel does not
 * tell. Not in the calling thread: since 6.14 the file is under the lock of the process's memory map, which may be held for
 * long by one that is short of memory. Rejects with SysError.
 */
export async function sumKsm(pids: readonly number[], proc = '/proc'): Promise<KsmStat | undefined> {
  let sum: KsmStat | undefined;
  for (const pid of pids) {
    const text = await readIfThere(join(proc, String(pid), 'ksm_stat'));
    const stat = text === undefined ? undefined : parseKsmStat(text);
    if (stat === undefined) continue;
    const { mergingPages, profit } = sum ?? { mergingPages: 0, profit: 0 };
    sum = { mergingPages: mergingPages + stat.mergingPages, profit: profit + stat.profit };
  }
  return sum;
}

/** Bytes saved on the whole host; undefined: this kernel has no KSM, or does not tell (before 6.4). Rejects with SysError. */
export async function readGeneralProfit(sys = '/sys'): Promise<number | undefined> {
  const text = await readIfThere(join(sys, 'kernel/mm/ksm/general_profit'));
  return text === undefined ? undefined : Number(text);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}
