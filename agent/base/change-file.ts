// One change of a file of state, which counts when the call resolves and has not taken place when it rejects. A write that fails may
// have taken place all the same: the file has its new name, or is gone, and the disk refuses to sync the directory. Whoever
// asked is told of a failure and memory keeps the old value, so that the next agent must read the old value, too.
import { codeOf, SysError } from '../../linux/errors.js';
import { readState, removeFile, replaceFile } from './durable.js';

/** What a file holds; undefined: there is none. */
export type Content = string | undefined;

type Write = (path: string, text: string) => Promise<void>;

export interface ChangeOptions {
  /** Default: replaceFile. */
  readonly write?: Write;
  /** Puts the old text back; default: replaceFile. */
  readonly restore?: Write;
}

/** `before`: what counts until then; asked only after a failure. Rejects as `write` does. */
export async function changeFile(
  path: string,
  after: Content,
  before: () => Content,
  { write = replaceFile, restore = replaceFile }: ChangeOptions = {},
): Promise<void> {
  try {
    await (after === undefined ? removeFile(path) : write(path, after));
  } catch (error) {
    try {
      await putBack(path, before(), restore);
    } catch {
      throw mayStand(error);
    }
    throw error;
  }
}

async function putBack(path: string, text: Content, restore: Write): Promise<void> {
  const found = await readState(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === text) return;
  if (text === undefined) return removeFile(path);
  // On a disk that syncs nothing any more, the next agent of this boot at least reads what counts.
  await restore(path, text).catch(() => replaceFile(path, text, { fsync: false }));
}

function mayStand(error: unknown): unknown {
  if (!(error instanceof SysError)) return error;
  const { op, errno, path } = error;
  const note = 'and the old file could not be restored; the change may be there after a restart';
  return new SysError(op, errno, path === undefined ? { note } : { path, note });
}
