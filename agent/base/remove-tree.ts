// Trees that others have filled: they may have a million files in one directory, or be deeper than a path is long.
import { runProgram } from '../../linux/run-program.js';
import { BerthError } from '../../protocol/errors.js';

const REMOVE_MS = 600_000;

/** In a process of its own: the threads of this one are free for durable writes meanwhile. What is mounted in the tree stays, and is an error. */
export async function removeTree(path: string): Promise<void> {
  const end = await runProgram('rm', ['-rf', '--one-file-system', '--', path], { deadlineMs: REMOVE_MS });
  if (end.code !== 0) throw new BerthError('os_error', `rm ${path}: ${end.stderr.trim().slice(0, 512)}`);
}
