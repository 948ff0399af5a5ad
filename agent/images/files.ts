// What this room does to files of its store.
import { access } from 'node:fs/promises';
import { runProgram } from '../../linux/run-program.js';
import { BerthError } from '../base/errors.js';

const REMOVE_MS = 600_000;

export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** In a process of its own: a layer may have a million files. */
export async function removeTree(path: string): Promise<void> {
  const end = await runProgram('rm', ['-rf', '--one-file-system', '--', path], { deadlineMs: REMOVE_MS });
  if (end.code !== 0) throw new BerthError('os_error', `rm ${path}: ${end.stderr.trim().slice(0, 512)}`);
}
