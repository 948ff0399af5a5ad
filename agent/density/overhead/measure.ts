// What one VMM needs on this host: its own mappings, and what the kernel has for its cgroup.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelMemory } from '../../../cgroups/memory.js';
import { codeOf } from '../../../linux/errors.js';
import { isSameProcess } from '../../../linux/proc.js';
import { readSmaps } from '../../../linux/smaps.js';
import type { VmDriver } from '../../drivers/driver.js';
import type { WorkloadSpec } from '../../model/spec.js';

export interface Vmm {
  readonly spec: WorkloadSpec;
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  /** Of its cgroup. */
  readonly directory: string;
}

/**
 * Bytes. Not in it: the guest's memory, and the page cache of its disk, which goes when anybody needs the room. Undefined: it
 * has ended, guest and VMM cannot be told apart, or this host has no memory controller and so no count of page tables.
 */
export async function measureVmm(
  driver: Pick<VmDriver, 'ownMemory'>,
  { spec, pid, startTime, directory }: Vmm,
  proc = '/proc',
): Promise<number | undefined> {
  const mappings = await readSmaps(pid, proc);
  const own = mappings && driver.ownMemory(spec, mappings);
  if (own === undefined) return undefined;
  const kernel = await readKernel(directory);
  // Its number may be another's by now.
  if (kernel === undefined || !isSameProcess(pid, startTime, proc)) return undefined;
  return own + kernel;
}

async function readKernel(directory: string): Promise<number | undefined> {
  try {
    return kernelMemory(await readFile(join(directory, 'memory.stat'), 'latin1'));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}
