// Less memory for what runs: the kernel kills at once where memory.max is set below what cannot be given back
// (cgroup-v2.rst, memory.max), so the room goes there by steps, or says why not.
import type { Shrink } from '../../cgroups/shrink.js';
import { BerthError } from '../../protocol/errors.js';
import { formatSize } from '../base/units.js';
import type { CgroupPort } from './cgroup-port.js';

const WHY: Readonly<Record<NonNullable<Shrink['why']>, string>> = {
  futile: 'what is in use cannot be reclaimed, so the kernel would kill',
  stalled: 'reclaiming stalls the workload',
  killed: 'the kernel has killed in it meanwhile',
  unsupported: 'this kernel has no memory.reclaim (Linux 5.19)',
  aborted: 'it was called off',
  late: 'reclaiming has taken too long',
};

/** Throws `shrink_refused` with the figures, and the reason of the signal; memory.max is then as it was. */
export async function shrinkTo(
  cgroups: Pick<CgroupPort, 'shrinkMemory'>,
  cgroup: string,
  limit: number,
  signal?: AbortSignal,
): Promise<void> {
  const shrink = await cgroups.shrinkMemory(cgroup, limit, signal);
  const { outcome, why = 'futile', achieved, current, steps, reclaimed } = shrink;
  if (outcome === 'done') return;
  if (why === 'aborted') throw signal?.reason;
  throw new BerthError(
    'shrink_refused',
    `memory.max cannot become ${formatSize(limit)}: ${formatSize(current)} are in use, and ${WHY[why]}`,
    { data: { limit, used: current, achieved, steps, reclaimed, shortBy: current - limit } },
  );
}
