// What this room does to files of its store.
import { access, statfs } from 'node:fs/promises';
import { BerthError } from '../../protocol/errors.js';
import { formatSize } from '../base/units.js';

export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export interface Room {
  /** Name of the image. */
  readonly image: string;
  /** Bytes that will be written at most. */
  readonly needed: number;
  /** Bytes that the file system keeps. */
  readonly minFree: number;
  /** Begins the sentence: what is not done without room. */
  readonly what: string;
  /** Of `needed`, in the sentence. */
  readonly how: string;
}

/** That the file system of `path` has room for more of an image. Throws `disk_full`. */
export async function requireRoom(path: string, { image, needed, minFree, what, how }: Room): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  if (free - needed >= minFree) return;
  const short = `${formatSize(free)} are free, the image has ${formatSize(needed)} ${how}, and images.min_free is ${formatSize(minFree)}`;
  throw new BerthError('disk_full', `${what}: ${short}`, {
    data: { image, free, needed },
    hint: 'Make room on the disk of paths.state, or lower images.min_free. When the disk is short, berth deletes images that no workload uses.',
  });
}
