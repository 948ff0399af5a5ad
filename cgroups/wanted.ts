// How much CPU time a cgroup has wanted so far: what it used, and what some task of it waited for. On a busy host the first
// alone would take a cgroup that starves for one that rests.
import type { ReadBuffer } from '../linux/read-buffer.js';
import { parseCpuStat } from './cpu.js';
import { parsePressure } from './psi.js';
import { openSampled } from './sampled-file.js';
import { isGone } from './watch.js';

/** Microseconds. Undefined: the cgroup is gone, or the kernel keeps no account. Throws SysError. */
export function cpuWanted(dir: string, buffer: ReadBuffer): number | undefined {
  const used = readOnce(`${dir}/cpu.stat`, buffer, parseCpuStat)?.usageUsec;
  if (used === undefined) return undefined;
  return used + (readOnce(`${dir}/cpu.pressure`, buffer, parsePressure)?.someUsec ?? 0);
}

function readOnce<T>(path: string, buffer: ReadBuffer, parse: (bytes: Buffer, end: number) => T): T | undefined {
  const file = openSampled(path);
  try {
    return file?.parse(buffer, parse);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  } finally {
    file?.close();
  }
}
