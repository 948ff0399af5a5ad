// Writes, each read back: kernels round, and a second writer may be there.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { codeOf, SysError, sysErrorFrom } from '../linux/errors.js';
import type { Value } from './types.js';

export interface ApplyOptions {
  /** No process is in this cgroup yet, so no write can wait for reclaim, and all are done at once without the pool. */
  readonly fresh?: boolean;
}

/** Lowering these below the usage reclaims inside write(2), for as long as that takes (mm/memcontrol.c). */
const MAY_RECLAIM: readonly string[] = ['memory.max', 'memory.high'];

/** No largest page of a supported kernel is above this; memory limits are cut down to whole pages. */
const LARGEST_PAGE = 65_536;

/**
 * Writes `values` below the cgroup `dir` in order and gives back what the kernel made of them. Throws SysError: `open` or
 * `write` with the kernel's errno, `verify` (EIO) when it holds something else afterwards. Stops at the first error.
 * memory.swap.max is left out silently where there is no swap to limit.
 */
export async function applyValues(dir: string, values: readonly Value[], options: ApplyOptions = {}): Promise<Value[]> {
  const achieved: Value[] = [];
  for (const { file, value } of values) {
    const path = join(dir, file);
    const slow = options.fresh !== true && MAY_RECLAIM.includes(file);
    try {
      const got = slow ? await writeInPool(path, value) : writeNow(path, value);
      verify(path, file, value, got);
      achieved.push({ file, value: got });
    } catch (error) {
      // Kernels without CONFIG_SWAP have no such file.
      if (codeOf(error) === 'ENOENT' && file === 'memory.swap.max' && (value === '0' || value === 'max')) continue;
      throw error instanceof SysError ? error : sysErrorFrom(error, 'write', path, value);
    }
  }
  return achieved;
}

/** Whether `got`, read back, is what writing `wanted` should give. */
export function isAchieved(file: string, wanted: string, got: string): boolean {
  if (wanted === got) return true;
  // `max` or a quota alone keeps the period.
  if (file === 'cpu.max') return !wanted.includes(' ') && got.split(' ')[0] === wanted;
  if (!file.startsWith('memory.') || !/^\d+$/.test(wanted)) return false;
  // Above PAGE_COUNTER_MAX the kernel prints `max`.
  if (got === 'max') return Number(wanted) >= 2 ** 62;
  const lost = Number(wanted) - Number(got);
  return lost > 0 && lost < LARGEST_PAGE && Number(got) % 4096 === 0;
}

// A mistyped or missing file must be ENOENT, not a new file: no O_CREAT, no O_TRUNC.
function writeNow(path: string, value: string): string {
  const fd = openSync(path, constants.O_RDWR);
  try {
    writeSync(fd, value);
    const bytes = Buffer.alloc(4096);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)).trimEnd();
  } finally {
    closeSync(fd);
  }
}

async function writeInPool(path: string, value: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDWR);
    await handle.write(value);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString('latin1', 0, bytesRead).trimEnd();
  } finally {
    await handle?.close();
  }
}

function verify(path: string, file: string, wanted: string, got: string): void {
  if (isAchieved(file, wanted, got)) return;
  throw new SysError('verify', os.errno.EIO, { path, value: wanted, note: `reads back as ${JSON.stringify(got)}` });
}
