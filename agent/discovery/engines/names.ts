// Finds workloads of engines by the names of their cgroups, which is the one thing that all engines have.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ENGINE_NAMES, type EngineName } from '../../model/adopted.js';
import { ENGINES } from './index.js';

export interface Named {
  readonly engine: EngineName;
  readonly id: string;
  /** From the mount, without a slash before it. */
  readonly cgroup: string;
}

/** Kubernetes nests three levels deep; what is inside a workload is that workload's business. */
const MAX_DEPTH = 5;
/** Directories looked into: a host that has more is not searched to the end. */
const MOST_DIRECTORIES = 50_000;

export function engineOf(directory: string, parent = ''): Omit<Named, 'cgroup'> | undefined {
  for (const engine of ENGINE_NAMES) {
    const id = ENGINES[engine].idIn(directory, parent);
    if (id !== undefined) return { engine, id };
  }
  return undefined;
}

/** All below `mount` but those below `own`, `most` of them. A directory that vanishes meanwhile is left out. */
export async function findNamed(mount: string, own: string, most: number, signal: AbortSignal): Promise<Named[]> {
  const found: Named[] = [];
  const next: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  // The list grows while it is walked.
  for (const { path, depth } of next) {
    signal.throwIfAborted();
    for (const { name } of await directories(join(mount, path))) {
      const cgroup = join(path, name);
      if (join(mount, cgroup) === own) continue;
      const of = engineOf(name, basename(path));
      if (of === undefined) {
        if (depth < MAX_DEPTH && next.length < MOST_DIRECTORIES) next.push({ path: cgroup, depth: depth + 1 });
      } else if (found.length < most) found.push({ ...of, cgroup });
    }
  }
  return found;
}

async function directories(path: string): Promise<Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory());
}
