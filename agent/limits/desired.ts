// Everything a workload's cgroup should hold, file by file: the limits of its spec, and the kernel's default for what berth
// might have set and the spec does not ask for. So a limit that is taken away, or that somebody else has set, goes back.
import { planChange, planValues } from '../../cgroups/controllers.js';
import { changeValues } from '../../cgroups/order.js';
import { placeOf } from '../../cgroups/place.js';
import type { Limits, Value } from '../../cgroups/types.js';

/**
 * One of each, whatever the value. Not what has a line for each device or resource; nor cpuset, which a cgroup with
 * processes cannot empty again (ENOSPC, kernel/cgroup/cpuset.c): a layer of placement says what it should be.
 */
const EVERYTHING: Limits = {
  cpu: { max: 1, burst: 1, weight: 1, idle: true, uclampMin: 1, uclampMax: 1 },
  memory: { min: 1, low: 1, high: 1, max: 1, swapMax: 1, zswapMax: 1, oomGroup: true },
  pids: { max: 1 },
};

/** These have a line for each device, and no default but to name those that are limited. */
export const BY_DEVICE: readonly string[] = ['io.max', 'io.weight', 'io.latency'];

/**
 * `files`: those that this kernel has. `lines`: what the cgroup holds in those by device; a name of the spec may have meant
 * another device when it was written.
 */
export function desiredValues(
  limits: Limits,
  frozen: boolean,
  files: ReadonlySet<string>,
  lines: readonly Value[] = [],
): Value[] {
  const wanted = withDefaults(limits, EVERYTHING, lines);
  const freeze: Value = { file: 'cgroup.freeze', value: frozen ? '1' : '0' };
  // The weight of an idle group reads 0 and cannot be written (kernel/sched/core.c).
  const idle = limits.cpu?.idle === true;
  return [...wanted, freeze].filter(({ file }) => files.has(file) && !(idle && file.startsWith('cpu.weight')));
}

/** The values of `limits`, then the kernel's default for what else `everything` names or the kernel holds in `lines`. */
export function withDefaults(limits: Limits, everything: Limits, lines: readonly Value[] = []): Value[] {
  const wanted = planValues(limits);
  const named = new Set(wanted.map(placeOf));
  const defaults = [...planChange(everything, {}), ...changeValues(lines, [])];
  return [...wanted, ...defaults.filter((value) => !named.has(placeOf(value)))];
}
