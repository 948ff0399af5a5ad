// What every cgroup limits without any controller: the cgroups below it. And cgroup.stat.
import type { Controller } from './controller.js';
import { Keys } from './keyed.js';
import type { CgroupStats, Limits, Value } from './types.js';

export const core: Controller = {
  name: undefined,
  defaults: { 'cgroup.max.descendants': 'max', 'cgroup.max.depth': 'max' },
  optional: {},
  values(limits: Limits): Value[] {
    const { maxDescendants, maxDepth } = limits.tree ?? {};
    return [
      ...(maxDescendants === undefined ? [] : [{ file: 'cgroup.max.descendants', value: String(maxDescendants) }]),
      ...(maxDepth === undefined ? [] : [{ file: 'cgroup.max.depth', value: String(maxDepth) }]),
    ];
  },
};

const STAT = new Keys(['nr_descendants', 'nr_dying_descendants']);

/** cgroup.stat. */
export function parseCgroupStat(
  bytes: Uint8Array,
  end: number = bytes.length,
): NonNullable<CgroupStats['descendants']> {
  const [live = 0, dying = 0] = STAT.read(bytes, end);
  return { live: Math.max(0, live), dying: Math.max(0, dying) };
}
