// What this kernel can do, asked of the kernel: a file that is there is the only proof.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sysErrorFrom } from '../linux/errors.js';
import { parseCostEnabled } from './io.js';
import { needOf } from './list.js';
import type { Value } from './types.js';
import { isGone } from './watch.js';

export interface Unsupported {
  readonly file: string;
  /** What the file needs, e.g. `Linux 5.14`; for one that should be there, its controller. */
  readonly need: string;
}

/**
 * The files of the cgroup `dir`, which must not be the root of the hierarchy: that has fewer. A cgroup made below it has
 * the same where it hands all of its controllers down. Throws SysError.
 */
export function support(dir: string): ReadonlySet<string> {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
  } catch (error) {
    throw sysErrorFrom(error, 'readdir', dir);
  }
}

/** The files of `values` that are not among `files`, each once. Pure. */
export function unsupported(values: readonly Value[], files: ReadonlySet<string>): Unsupported[] {
  const missing = [...new Set(values.map(({ file }) => file))].filter((file) => !files.has(file));
  return missing.map((file) => ({ file, need: needOf(file) ?? `controller ${file.slice(0, file.indexOf('.'))}` }));
}

/**
 * Whether the cost model is at work, by device (`MAJ:MIN`); without it io.weight does nothing there, and a weight for
 * that device is EOPNOTSUPP. Devices that nobody set up are not listed. `mount`: of the hierarchy. Throws SysError.
 */
export function ioCost(mount: string): ReadonlyMap<string, boolean> {
  const path = join(mount, 'io.cost.qos');
  try {
    return parseCostEnabled(readFileSync(path, 'latin1'));
  } catch (error) {
    if (isGone(error)) return new Map();
    throw sysErrorFrom(error, 'read', path);
  }
}
