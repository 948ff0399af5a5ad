// What the mappings of a process have in memory (proc_pid_smaps(5)). The kernel walks every page table for it: some 10 ms
// for each GiB in small pages, in the thread pool. Faults of the process go on meanwhile, its mmap(2) waits.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from './errors.js';

/** Bytes. */
export interface Mapping {
  readonly size: number;
  /** `rw-p` */
  readonly mode: string;
  /** In memory, of shared pages this process's part. */
  readonly pss: number;
  /** The same, swapped out. */
  readonly swapPss: number;
}

const HEAD = /^[0-9a-f]+-[0-9a-f]+ ([-rwxsp]{4}) /;
const FIGURE = /^(Size|Pss|SwapPss):\s+(\d+) kB/;

/** Pure. */
export function parseSmaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  let found: { Size: number; Pss: number; SwapPss: number } | undefined;
  let mode = '';
  const end = (): void => {
    if (found !== undefined) mappings.push({ size: found.Size, mode, pss: found.Pss, swapPss: found.SwapPss });
  };
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line)?.[1];
    if (head !== undefined) {
      end();
      found = { Size: 0, Pss: 0, SwapPss: 0 };
      mode = head;
      continue;
    }
    const [, name, kib] = FIGURE.exec(line) ?? [];
    if (found !== undefined && name !== undefined) found[name as keyof typeof found] = Number(kib) * 1024;
  }
  end();
  return mappings;
}

/** Undefined: there is no such process any more. Throws SysError, EACCES without CAP_SYS_PTRACE. */
export async function readSmaps(pid: number, proc = '/proc'): Promise<Mapping[] | undefined> {
  const path = join(proc, String(pid), 'smaps');
  try {
    const mappings = parseSmaps(await readFile(path, 'latin1'));
    // Of a zombie the file is there, and empty.
    return mappings.length === 0 ? undefined : mappings;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}
