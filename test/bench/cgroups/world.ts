// Cgroups of a benchmark: below one directory at the top of the hierarchy, without controllers, and gone afterwards.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { killAll, removeAll } from '../../../cgroups/end.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { waitState } from '../../../cgroups/watch.js';

const PREFIX = 'berth-bench-';

/** Why there can be none; undefined when there can. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return findHierarchy() === undefined ? 'no cgroup v2 is mounted' : undefined;
}

/** Makes `count` cgroups for `body`, which is given their directories; afterwards they and what runs in them are gone. */
export async function withCgroups<T>(count: number, body: (dirs: readonly string[]) => Promise<T>): Promise<T> {
  const top = join(mount(), `${PREFIX}${process.pid}`);
  const dirs = Array.from({ length: count }, (_, at) => join(top, `c${at}`));
  try {
    mkdirSync(top);
    for (const dir of dirs) mkdirSync(dir);
    return await body(dirs);
  } finally {
    await killAll(top);
    await waitState(top, (state) => state?.populated !== true, { timeoutMs: 10_000 });
    await removeAll(top);
  }
}

export function leftovers(): string[] {
  const mine = (name: string) => name === `${PREFIX}${process.pid}`;
  return readdirSync(mount())
    .filter(mine)
    .map((name) => `cgroup ${name}`);
}

function mount(): string {
  const found = findHierarchy();
  if (found === undefined) throw new Error('no cgroup v2 is mounted');
  return found.mount;
}
