// A live change of limits. Values that grow are simply written; memory that shrinks is reclaimed first, because a
// memory.max below the usage makes the kernel kill at once (cgroup-v2.rst, memory.max).
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planChange } from '../../cgroups/controllers.js';
import type { Limits, Value } from '../../cgroups/types.js';
import { BerthError } from '../errors.js';
import type { CgroupPort } from './ports.js';
import { formatSize } from './units.js';

/** Room left above the usage after a shrink, so that the next allocation does not kill. */
const SLACK = 1 << 20;

/** Applies the difference; throws and has put the old values back when the kernel or the shrink guard says no. */
export async function resize(
  cgroups: CgroupPort,
  path: string,
  before: Limits,
  after: Limits,
): Promise<readonly Value[]> {
  const from = before.memory?.max;
  const to = after.memory?.max;
  if (to !== undefined && (from === undefined || to < from)) await makeRoom(cgroups.path(path), to);
  try {
    return await cgroups.apply(path, planChange(before, after));
  } catch (error) {
    await cgroups.apply(path, planChange(after, before)).catch(() => undefined);
    throw error;
  }
}

async function makeRoom(directory: string, limit: number): Promise<void> {
  const current = async () => Number((await readFile(join(directory, 'memory.current'), 'latin1')).trim());
  const over = (await current()) - (limit - SLACK);
  if (over <= 0) return;
  // EAGAIN: less was reclaimed than asked for. What counts is read afterwards.
  await writeFile(join(directory, 'memory.reclaim'), String(over), { flag: 'r+' }).catch(() => undefined);
  const used = await current();
  if (used <= limit - SLACK) return;
  throw new BerthError(
    'shrink_refused',
    `memory.max cannot become ${formatSize(limit)}: ${formatSize(used)} are in use and cannot be reclaimed, so the kernel would kill`,
    { data: { limit, used, shortBy: used - (limit - SLACK) } },
  );
}
