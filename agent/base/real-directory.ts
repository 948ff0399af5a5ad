// Directories in which berth deletes what it does not know: behind a link it would be what somebody else has there.
import { lstat, readdir } from 'node:fs/promises';
import { codeOf } from '../../linux/errors.js';

/** What is in it, by name; nothing where it is missing, a link, or no directory. */
export async function namesOfReal(path: string): Promise<string[]> {
  try {
    return (await lstat(path)).isDirectory() ? (await readdir(path)).sort() : [];
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return [];
    throw error;
  }
}
