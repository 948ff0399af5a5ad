// Small files of state: replaced as a whole, durable when the call resolves, set aside when they cannot be read. Errors of
// the operating system carry operation, path and errno.
import { closeSync, constants, fsync, lstatSync, open, openSync, renameSync, rmSync, statSync, write } from 'node:fs';
import { mkdir, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, sysErrorFrom } from '../../linux/errors.js';
import { readPlain, readPlainSync } from '../../linux/plain-file.js';
import { sliced } from '../../linux/sliced.js';

export interface ReplaceOptions {
  /** Default 0600. */
  readonly mode?: number;
  /** False: survives the death of the agent, and no power cut. Default true. */
  readonly fsync?: boolean;
  /** Makes the entry of the directory durable; default: `syncDirectory` for this file alone. */
  readonly syncEntry?: () => Promise<void>;
}

// Calls with descriptors: a FileHandle and its promises cost half as much again, and records are written at each start.
// Each is looked up when it is called, so that a test can have it fail.
const openFile = (path: string, flags: number, mode: number): Promise<number> =>
  called((done) => open(path, flags, mode, done));
const writeSome = (fd: number, bytes: Uint8Array, from: number): Promise<number> =>
  called((done) => write(fd, bytes, from, bytes.length - from, null, done));
const syncFile = (fd: number): Promise<void> => called((done) => fsync(fd, done));

function called<T>(call: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === null || error === undefined ? resolve(result as T) : reject(error)));
  });
}

const { O_CREAT, O_EXCL, O_SYNC, O_WRONLY } = constants;
const NEW = O_WRONLY | O_CREAT | O_EXCL;

/** A file of state is small: what is larger than this is none of berth's, and would only fill the memory. */
const MOST_BYTES = 64 << 20;

/**
 * File and directory entry are on disk when it resolves; a crash before leaves the old file. Several writers of one path
 * do not meet: each has a temporary name of its own, and the last to rename is the one that stays.
 */
export async function replaceFile(
  path: string,
  text: string,
  { mode = 0o600, fsync = true, syncEntry = () => syncDirectory(dirname(path)) }: ReplaceOptions = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await named('write', path, async () => {
      // With O_SYNC the write itself is durable when it returns: one way to the thread pool and back less than with fsync(2).
      const fd = await openFile(temporary, fsync ? NEW | O_SYNC : NEW, mode);
      try {
        await writeAll(fd, Buffer.from(text));
      } finally {
        // What is durable is only let go of: that waits for nothing.
        closeSync(fd);
      }
      await rename(temporary, path);
    });
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  if (fsync) await syncEntry();
}

/** A disk that is nearly full takes less than all. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += await writeSome(fd, bytes, done);
}

/** Beside `path`, for this call alone, also among several processes; the sweep at a start knows it by its end. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}-${process.hrtime.bigint().toString(36)}-${Math.random().toString(36).slice(2, 8)}.tmp`;
}

/** Missing is fine. */
export async function removeFile(path: string): Promise<void> {
  await named('unlink', path, async () => {
    try {
      await unlink(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  });
  await syncDirectory(dirname(path));
}

export function syncDirectory(path: string): Promise<void> {
  return named('fsync', path, async () => {
    // The kernel has it in memory: something in it was changed just now.
    const fd = openSync(path, 'r');
    try {
      await syncFile(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** Errors of a file handle do not say of which file. */
async function named<T>(op: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sysErrorFrom(error, op, path);
  }
}

/** A file that could not be read; it is beside its place as `.damaged`, or still there where it cannot be moved. */
export interface Damaged {
  readonly path: string;
  readonly problem: string;
}

/** The agent, or the host, has run out of something: that says nothing of the file, which is not to be set aside for it. */
export function isExhausted(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(codeOf(error) ?? '');
}

/** The text of a plain file; whatever else has its name (a directory, a FIFO, a socket, a file far too large) is an error at once. */
export async function readState(path: string): Promise<string> {
  return (await readPlain(path, MOST_BYTES)).toString('utf8');
}

/** The same at once: of the thousands of files that a start reads, each would wait five times for a thread. */
export function readStateSync(path: string): string {
  return readPlainSync(path, MOST_BYTES).toString('utf8');
}

/** Out of the way, under a name that nothing reads. False: it cannot be moved, and is left where it is. */
export async function setAside(path: string, to = `${path}.damaged`): Promise<boolean> {
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    // An empty directory would take the place of a file, and nothing that of a full one.
    await rm(to, { recursive: true, force: true });
    await rename(path, to);
    return true;
  } catch {
    return false;
  }
}

/** Why something with the name of a file of state is none; undefined: it is one, or there is nothing. It is not opened. */
export function oddness(path: string, mostBytes = MOST_BYTES): string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    const found = statSync(path);
    if (!found.isFile()) return 'not a plain file';
    return found.size > mostBytes ? `${found.size} bytes, more than any file of state` : undefined;
  } catch (error) {
    return `cannot be followed (${codeOf(error) ?? String(error)})`;
  }
}

/** Sets what is no plain file aside, before anybody opens it: to open a FIFO may wait for ever. */
export function clearWay(path: string, mostBytes = MOST_BYTES): Damaged | undefined {
  const problem = oddness(path, mostBytes);
  if (problem === undefined) return undefined;
  try {
    rmSync(`${path}.damaged`, { recursive: true, force: true });
    renameSync(path, `${path}.damaged`);
    return { path, problem };
  } catch {
    return { path, problem: `${problem}; it cannot be moved, and is left in its place` };
  }
}

/** Removes what a crash has left of a write. What cannot be removed stays: it is in nobody's way. */
export async function removeTemporary(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** What `remove` cannot remove stays, and is told. */
export async function removeOr(
  remove: (path: string) => Promise<void>,
  path: string,
  onLeft: (damaged: Damaged) => void,
): Promise<void> {
  await remove(path).catch((error: unknown) => onLeft({ path, problem: `cannot be removed: ${messageOf(error)}` }));
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
  for await (const name of sliced((await readdir(directory)).sort())) {
    const path = join(directory, name);
    if (name.endsWith('.tmp')) await removeTemporary(path);
    if (!name.endsWith('.json')) continue;
    try {
      found.push(decode(readStateSync(path), name.slice(0, -'.json'.length)));
    } catch (error) {
      if (isExhausted(error)) throw error;
      const moved = await setAside(path);
      const problem = messageOf(error);
      onDamaged({ path, problem: moved ? problem : `${problem}; it cannot be moved, and is left in its place` });
    }
  }
  return found;
}
