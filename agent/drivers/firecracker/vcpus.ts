// Threads of Firecracker that run vCPUs, which it names `fc_vcpu N`.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sysErrorFrom } from '../../../linux/errors.js';

/** By index of the vCPU. Throws SysError when the process is gone, an Error when it does not have them all yet. */
export async function vcpuThreads(pid: number, vcpus: number, proc = '/proc'): Promise<number[]> {
  const tasks = join(proc, String(pid), 'task');
  const found = new Map<number, number>();
  try {
    for (const thread of await readdir(tasks)) {
      const [, index] = /^fc_vcpu (\d+)$/m.exec(await readFile(join(tasks, thread, 'comm'), 'latin1')) ?? [];
      if (index !== undefined) found.set(Number(index), Number(thread));
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', tasks);
  }
  const threads = Array.from({ length: vcpus }, (_, index) => found.get(index));
  if (threads.includes(undefined)) throw new Error(`process ${pid} has ${found.size} of ${vcpus} vCPU threads`);
  return threads as number[];
}
