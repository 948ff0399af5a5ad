import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { identify, isAlive, type ProcessId } from './process.js';
import { poll } from './timing.js';

/** Where images, snapshots and running machines live: never inside the checkout. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.BERTH_LAB_CACHE !== undefined && env.BERTH_LAB_CACHE !== '') return env.BERTH_LAB_CACHE;
  const base = env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '' ? env.XDG_CACHE_HOME : undefined;
  return join(base ?? join(homedir(), '.cache'), 'berth-lab');
}

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((pid: number) => void) | undefined;
}

/**
 * Builds `target` (a file or a directory) once, whoever asks and however many ask at the same time: `make` fills
 * a temporary path next to it, and only a finished one is renamed into place. One builder at a time holds the
 * lock; a builder that died leaves a lock that the next one takes over.
 */
export async function once(
  target: string,
  isThere: () => boolean,
  make: (temporary: string) => Promise<void>,
  options: BuildOptions = {},
): Promise<void> {
  if (isThere()) return;
  await mkdir(dirname(target), { recursive: true });
  const release = await lock(`${target}.lock`, options);
  // Not a fixed name: what a killed builder started may still be writing for a while.
  const temporary = `${target}.part-${randomUUID()}`;
  try {
    if (isThere()) return;
    await removeParts(target);
    await make(temporary);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await release();
  }
}

async function removeParts(target: string): Promise<void> {
  const folder = dirname(target);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(target)}.part-`)) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function lock(path: string, options: BuildOptions): Promise<() => Promise<void>> {
  const me = identify(process.pid);
  const draft = `${path}.${randomUUID()}`;
  let told = false;
  await poll(
    async () => {
      try {
        // A link appears with its content, so a lock is never seen empty.
        await writeFile(draft, JSON.stringify(me));
        await link(draft, path);
        return true;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      } finally {
        await rm(draft, { force: true });
      }
      const holder = await readHolder(path);
      if (holder !== undefined && !isAlive(holder)) await dropStale(path, holder);
      else if (holder !== undefined && !told) {
        told = true;
        options.onWait?.(holder.pid);
      }
      return undefined;
    },
    { what: `lock ${path}`, timeoutMs: 1_800_000, everyMs: 300, signal: options.signal },
  );
  return () => rm(path, { force: true });
}

async function readHolder(path: string): Promise<ProcessId | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !('started' in holder)) return undefined;
    return { pid: Number(holder.pid), started: String(holder.started) };
  } catch {
    // Just released: the next look decides.
    return undefined;
  }
}

async function dropStale(path: string, holder: ProcessId): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
    // Somebody else may have replaced the dead lock between our look and our rename: put a live one back.
    const taken = await readHolder(aside);
    if (taken !== undefined && taken.pid !== holder.pid && isAlive(taken)) await link(aside, path);
    await unlink(aside);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  }
}
