// Finds workloads of engines by the names of their cgroups, which is the one thing that all engines have.
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ENGINE_NAMES, type EngineName } from '../../model/adopted.js';
import { isPopulated } from './cgroup.js';
import { ENGINES } from './index.js';
import { word } from './words.js';

export interface Named {
  readonly engine: EngineName;
  readonly id: string;
  /** From the mount, without a slash before it. */
  readonly cgroup: string;
}

export interface NamedAll {
  readonly found: readonly Named[];
  /** By engine: running and not among those found. Engines without any are absent. */
  readonly dropped: ReadonlyMap<EngineName, number>;
}

/** Kubernetes nests three levels deep; what is inside a workload is that workload's business. */
const MAX_DEPTH = 5;
/** Directories looked into: a host that has more is not searched to the end. */
const MOST_DIRECTORIES = 50_000;
/** As long as the name of a directory may be. */
const MOST_ID = 255;
/** What decoding puts in place of bytes that are no UTF-8: two ids would be one. */
const UNDECODED = '\ufffd';

export function engineOf(directory: string, parent = ''): Omit<Named, 'cgroup'> | undefined {
  for (const engine of ENGINE_NAMES) {
    const id = ENGINES[engine].idIn(directory, parent);
    if (id !== undefined) return { engine, id };
  }
  return undefined;
}

/** All below `mount` but those below `own`, `most` of them. A directory that vanishes meanwhile is left out. */
export async function findNamed(mount: string, own: string, most: number, signal: AbortSignal): Promise<NamedAll> {
  const found: Named[] = [];
  const dropped = new Map<EngineName, number>();
  const next: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  const owner = await ownerOf(mount);
  // The list grows while it is walked.
  for (const { path, depth } of next) {
    signal.throwIfAborted();
    // A user whom a cgroup is delegated to makes any name below it, with any limit, and pretends to be an engine.
    if ((await ownerOf(join(mount, path))) !== owner) continue;
    for (const { name } of await directories(join(mount, path))) {
      const cgroup = join(path, name);
      if (join(mount, cgroup) === own) continue;
      const of = engineOf(name, basename(path));
      if (of === undefined) {
        if (depth < MAX_DEPTH && next.length < MOST_DIRECTORIES) next.push({ path: cgroup, depth: depth + 1 });
      } else if (!(await isPopulated(join(mount, cgroup)))) continue;
      else if (found.length < most && isPlain(of.id)) found.push({ ...of, cgroup });
      else dropped.set(of.engine, (dropped.get(of.engine) ?? 0) + 1);
    }
  }
  return { found, dropped };
}

/** Ids go to terminals and into commands as they are. */
function isPlain(id: string): boolean {
  return word(id, MOST_ID) === id && !id.includes(UNDECODED);
}

async function ownerOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ uid }) => uid,
    () => undefined,
  );
}

async function directories(path: string): Promise<Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory());
}
