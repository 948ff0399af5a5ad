import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import type { SlowWrite } from './slow-writes.js';

/**
 * Asks the kernel to take `bytes` from a cgroup, with `slowly`, since it may take seconds. Less than asked for is
 * EAGAIN, and normal: what came of it shows in memory.current (cgroup-v2.rst, memory.reclaim). Throws SysError: ENOENT
 * before Linux 5.19, and when the cgroup is gone.
 */
export async function reclaimMemory(dir: string, bytes: number, slowly?: SlowWrite): Promise<void> {
  const path = join(dir, 'memory.reclaim');
  const text = String(Math.round(bytes));
  try {
    const file = await open(path, constants.O_WRONLY);
    try {
      await (slowly === undefined ? file.write(text) : slowly(file.fd, text));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'EAGAIN') throw sysErrorFrom(error, 'write', path, text);
  }
}
