// Opening what lies beneath a directory without leaving it, whoever may write there. Every step is taken from the directory
// that is held open, and no symbolic link is followed: what is exchanged meanwhile is an error, or not seen.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { SysError, sysErrorFrom } from './errors.js';

const O_PATH = 0o10000000;
const { ELOOP, EINVAL } = system.errno;

/**
 * `path`, relative to `root` and without `.` and `..`, held by a descriptor that can neither be read nor written. The root itself
 * is taken at its word, links and all. Throws SysError: ELOOP for a symbolic link, ENOENT, ENOTDIR, EINVAL for a path that climbs.
 */
export async function openBeneath(root: string, path: string): Promise<FileHandle> {
  const parts = path === '' ? [] : path.split('/');
  if (parts.some((part) => ['', '.', '..'].includes(part)))
    throw new SysError('open', EINVAL, { path, note: 'not a plain relative path' });
  let held = await opened(root, O_PATH | constants.O_DIRECTORY, root);
  for (const [at, part] of parts.entries()) {
    const name = [root, ...parts.slice(0, at + 1)].join('/');
    try {
      const next = await step(held, part, name);
      await held.close();
      held = next;
    } catch (error) {
      await held.close();
      throw error;
    }
  }
  return held;
}

async function step(from: FileHandle, part: string, name: string): Promise<FileHandle> {
  const next = await opened(`/proc/self/fd/${from.fd}/${part}`, O_PATH | constants.O_NOFOLLOW, name);
  // With O_PATH a link is opened itself.
  const isLink = await next.stat().then((found) => found.isSymbolicLink());
  if (!isLink) return next;
  await next.close();
  throw new SysError('open', ELOOP, { path: name, note: 'a symbolic link' });
}

async function opened(path: string, flags: number, name: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw sysErrorFrom(error, 'open', name);
  }
}
