// Writes, each read back. This is the only place that makes them.
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, write, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, SysError, sysErrorFrom } from '../linux/errors.js';
import { defaultAt, needOf } from './list.js';
import { restoreValues } from './order.js';
import type { SlowWrite } from './slow-writes.js';
import type { Held, Value } from './types.js';
import { isAchieved, isHeld, partOf, writable } from './values.js';

export interface ApplyOptions {
  /** No process is in this cgroup yet: no write can wait for reclaim, and nothing was there that could be put back. */
  readonly fresh?: boolean;
  /** For writes that wait in the kernel; default: the thread pool of libuv. */
  readonly slowly?: SlowWrite;
}

/** Lowering these below the usage reclaims inside write(2), for as long as that takes (mm/memcontrol.c). */
const MAY_RECLAIM: readonly string[] = ['memory.max', 'memory.high', 'memory.swap.max'];

/**
 * These wait whoever is in the cgroup: cpuset for migrations and scheduling domains, io limits for the requests that are
 * in flight on the device (blk_mq_freeze_queue), subtree_control for new controllers.
 */
const WAITS: readonly string[] = [
  'cpuset.cpus',
  'cpuset.mems',
  'cpuset.cpus.partition',
  'io.max',
  'io.weight',
  'io.latency',
  'cgroup.subtree_control',
  'cgroup.freeze',
];

const writeToFd = promisify(write);
const writeInPool: SlowWrite = async (fd, text) => {
  await writeToFd(fd, text);
};

/**
 * Writes `values` below the cgroup `dir` in order and gives back what the kernel made of each and, unless `fresh`, what it
 * held before; what it holds already is not written. restoreValues turns the answer round.
 *
 * Throws SysError at the first one that fails: `open` or `write` with the kernel's errno, `verify` (EIO) when it holds
 * something else afterwards. Then those before it are put back, unless `fresh`. After a kill in the middle the rest is
 * what `differences` finds.
 *
 * A file that this kernel does not have is passed over when what was wanted is no limit.
 */
export async function applyValues(dir: string, values: readonly Value[], options: ApplyOptions = {}): Promise<Held[]> {
  const held: Held[] = [];
  try {
    for (const value of values) await applyOne(dir, value, options, held);
    return held;
  } catch (error) {
    if (options.fresh !== true) await putBack(dir, held, options);
    throw error;
  }
}

async function putBack(dir: string, held: readonly Held[], options: ApplyOptions): Promise<void> {
  for (const value of restoreValues(held)) {
    // One that cannot be put back must not keep the others from it; the first error is the one to tell.
    await applyOne(dir, value, { ...options, fresh: true }, []).catch(() => undefined);
  }
}

/** Adds to `held` as soon as something has changed, also when it then throws. */
async function applyOne(dir: string, wanted: Value, options: ApplyOptions, held: Held[]): Promise<void> {
  const { fresh = false, slowly = writeInPool } = options;
  const { file, value } = wanted;
  const path = join(dir, file);
  const slow = WAITS.includes(file) || (!fresh && MAY_RECLAIM.includes(file));
  try {
    // A mistyped or missing file must be ENOENT, not a new file: no O_CREAT, no O_TRUNC.
    const fd = openSync(path, constants.O_RDWR);
    try {
      const before = fresh ? undefined : partOf(wanted, read(fd));
      if (before !== undefined && isHeld(file, value, before)) {
        held.push({ file, value: before, previous: before });
        return;
      }
      const weight = !fresh && file === 'cpu.idle' ? readWeight(dir) : undefined;
      // An empty write(2) does not reach the kernel, an empty line does.
      const text = value === '' ? '\n' : value;
      if (slow) await slowly(fd, text);
      else writeSync(fd, text);
      const got = partOf(wanted, read(fd));
      // Either way the weight is another one afterwards: an idle group has none, and one that wakes has the default.
      if (weight !== undefined) held.push({ file: 'cpu.weight', value: readWeight(dir), previous: weight });
      held.push({ file, value: got, ...(before === undefined ? {} : { previous: writable(file, before) }) });
      verify(path, wanted, got);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && needOf(file) !== undefined && isNoLimit(wanted) && existsSync(dir)) return;
    throw error instanceof SysError ? error : sysErrorFrom(error, 'write', path, value);
  }
}

/** Without swap none can be used: that is what 0 asks for. */
function isNoLimit(wanted: Value): boolean {
  if (wanted.value === '0' && /^memory\.z?swap\./.test(wanted.file)) return true;
  return wanted.value === defaultAt(wanted);
}

function read(fd: number): string {
  const bytes = Buffer.alloc(4096);
  return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)).trimEnd();
}

function readWeight(dir: string): string {
  return readFileSync(join(dir, 'cpu.weight'), 'latin1').trimEnd();
}

function verify(path: string, { file, value }: Value, got: string): void {
  if (isAchieved(file, value, got)) return;
  throw new SysError('verify', os.errno.EIO, { path, value, note: `reads back as ${JSON.stringify(got)}` });
}
