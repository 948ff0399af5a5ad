// A live change of limits. Values that grow are written at once; memory that shrinks goes by steps first. What a layer
// holds over the spec is left alone: the new value shows when the layer goes.
import { planChange } from '../../cgroups/controllers.js';
import type { Limits, Value } from '../../cgroups/types.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { shrinkTo } from '../limits/shrink.js';

export interface Resizing {
  readonly cgroups: Pick<CgroupPort, 'apply' | 'shrinkMemory'>;
  readonly path: string;
  readonly covered: (value: Value) => boolean;
  /** Calls a shrink off. */
  readonly signal?: AbortSignal;
}

/** Applies the difference; throws and has put the old values back when the kernel, the shrink or the signal says no. */
export async function resize(
  { cgroups, path, covered, signal }: Resizing,
  before: Limits,
  after: Limits,
): Promise<readonly Value[]> {
  const write = (from: Limits, to: Limits): Promise<readonly Value[]> =>
    cgroups.apply(
      path,
      planChange(from, to).filter((value) => !covered(value)),
    );
  const from = before.memory?.max;
  const to = after.memory?.max;
  if (to !== undefined && (from === undefined || to < from)) await shrinkTo(cgroups, path, to, signal);
  try {
    return await write(before, after);
  } catch (error) {
    await write(after, before).catch(() => undefined);
    throw error;
  }
}
