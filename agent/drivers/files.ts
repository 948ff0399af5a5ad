// Checks of what a spec names on disk, with errors that name the field.
import { access, constants, stat } from 'node:fs/promises';
import { codeOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import type { DriverName, WorkloadSpec } from '../model/spec.js';
import type { DriverContext } from './driver.js';

/** Throws `image_missing` unless `path` is a readable file. `field` as in `qemu.kernel`. */
export async function requireFile(path: string, field: string): Promise<void> {
  const found = await kindOf(path);
  if (found === 'file') {
    try {
      return await access(path, constants.R_OK);
    } catch {
      throw missing(field, path, 'cannot be read');
    }
  }
  throw missing(field, path, found === undefined ? 'is not there' : 'is not a file');
}

/** Throws `image_missing` unless `path` is a directory. */
export async function requireDirectory(path: string, field: string): Promise<void> {
  const found = await kindOf(path);
  if (found !== 'directory') throw missing(field, path, found === undefined ? 'is not there' : 'is not a directory');
}

/** Throws `binary_missing`; gives back the absolute path. */
export function requireBinary(name: string, which: DriverContext['which'], why: string): string {
  const path = which(name);
  if (path !== undefined) return path;
  throw new BerthError('binary_missing', `this host has no program ${JSON.stringify(name)}, which ${why}`, {
    data: { binary: name },
  });
}

/** The part of the spec that belongs to one driver. `parseSpec` has checked it is there; others may not have. */
export function sectionOf<N extends Exclude<DriverName, 'external'>>(
  spec: WorkloadSpec,
  name: N,
): NonNullable<WorkloadSpec[N]> {
  const section = spec[name];
  if (section === undefined) throw invalidField(name, `is needed by driver "${name}"`);
  return section as NonNullable<WorkloadSpec[N]>;
}

export function invalidField(field: string, problem: string): BerthError {
  return new BerthError('invalid_spec', `the workload is not valid: ${field}: ${problem}`, {
    data: { fields: [{ field, problem }] },
  });
}

/** What is at `path`, symbolic links followed. */
export async function kindOf(path: string): Promise<'file' | 'directory' | 'other' | undefined> {
  try {
    const found = await stat(path);
    if (found.isFile()) return 'file';
    return found.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

function missing(field: string, path: string, problem: string): BerthError {
  return new BerthError('image_missing', `${field}: ${path} ${problem}`, { data: { field, path } });
}
