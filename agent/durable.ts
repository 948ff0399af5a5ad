// Small files of state: replaced as a whole, durable when the call resolves, set aside when they cannot be read.
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../linux/errors.js';

export interface ReplaceOptions {
  /** Default 0600. */
  readonly mode?: number;
  /** False: survives the death of the agent, and no power cut. Default true. */
  readonly fsync?: boolean;
}

/** File and directory entry are on disk when it resolves; a crash before leaves the old file. */
export async function replaceFile(
  path: string,
  text: string,
  { mode = 0o600, fsync = true }: ReplaceOptions = {},
): Promise<void> {
  const file = await open(`${path}.tmp`, 'w', mode);
  try {
    await file.writeFile(text);
    if (fsync) await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  if (fsync) await syncDirectory(dirname(path));
}

/** Missing is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A file that could not be read; it is beside its place as `.damaged`. */
export interface Damaged {
  readonly path: string;
  readonly problem: string;
}

/** The agent, or the host, has run out of something: that says nothing of the file, which is not to be set aside for it. */
export function isExhausted(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(codeOf(error) ?? '');
}

/**
 * What `decode` makes of each file of a directory, in name order; the directory is made. `decode` throws an Error that
 * says what is wrong. Left-over temporary files are removed. Throws when descriptors or memory are exhausted.
 */
export async function readAll<T>(
  directory: string,
  decode: (text: string, name: string) => T,
  onDamaged: (damaged: Damaged) => void,
): Promise<T[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found: T[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    if (name.endsWith('.tmp')) await unlink(path);
    if (!name.endsWith('.json')) continue;
    try {
      found.push(decode(await readFile(path, 'utf8'), name.slice(0, -'.json'.length)));
    } catch (error) {
      if (isExhausted(error)) throw error;
      await rename(path, `${path}.damaged`);
      onDamaged({ path, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return found;
}
