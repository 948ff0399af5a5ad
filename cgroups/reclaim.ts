import { constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';

/**
 * Asks the kernel to take `bytes` from a cgroup, in the thread pool, since it may take seconds. Less than asked for is
 * EAGAIN, and normal: what came of it shows in memory.current (cgroup-v2.rst, memory.reclaim). Throws SysError: ENOENT
 * before Linux 5.19, and when the cgroup is gone.
 */
export async function reclaimMemory(dir: string, bytes: number): Promise<void> {
  const path = join(dir, 'memory.reclaim');
  const text = String(Math.round(bytes));
  try {
    await writeFile(path, text, { flag: constants.O_WRONLY });
  } catch (error) {
    if (codeOf(error) !== 'EAGAIN') throw sysErrorFrom(error, 'write', path, text);
  }
}
