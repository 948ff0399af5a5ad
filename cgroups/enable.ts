// Handing controllers down: a child has a controller only when each parent names it in cgroup.subtree_control.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { words } from './keyed.js';
import { readText } from './values.js';

export interface Missing {
  readonly controller: string;
  /** A sentence, e.g. `not offered by /sys/fs/cgroup/unified`. */
  readonly reason: string;
}

export interface Enabled {
  readonly controllers: readonly string[];
  readonly missing: readonly Missing[];
}

/** Those whose files the cgroup `dir` has. Throws SysError, ENOENT when there is no such cgroup. */
export function controllersOf(dir: string): readonly string[] {
  return read(join(dir, 'cgroup.controllers'));
}

/**
 * Enables `wanted` for the children of `dir`. One write per controller, because the kernel refuses a list as a whole.
 * Throws SysError only when `dir` cannot be read.
 */
export async function enableIn(dir: string, wanted: readonly string[]): Promise<Enabled> {
  const offered = controllersOf(dir);
  const path = join(dir, 'cgroup.subtree_control');
  const already = read(path);
  const controllers: string[] = [];
  const missing: Missing[] = [];
  for (const controller of wanted) {
    const reason = already.includes(controller)
      ? undefined
      : offered.includes(controller)
        ? await enableOne(path, controller)
        : `not offered by ${dir}`;
    if (reason === undefined) controllers.push(controller);
    else missing.push({ controller, reason });
  }
  return { controllers, missing };
}

async function enableOne(path: string, controller: string): Promise<string | undefined> {
  const handle = await open(path, constants.O_WRONLY).catch((error: unknown) => codeOf(error) ?? 'unknown error');
  if (typeof handle === 'string') return `opening ${path}: ${handle}`;
  try {
    await handle.write(`+${controller}`);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    // "No internal processes": a cgroup with processes of its own cannot hand controllers down.
    return code === 'EBUSY' ? `${path} is busy: processes live in that cgroup itself` : `writing ${path}: ${code}`;
  } finally {
    await handle.close();
  }
}

function read(path: string): string[] {
  try {
    return words(readText(path));
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}
