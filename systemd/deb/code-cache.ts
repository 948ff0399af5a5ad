// Runs a bundle of the package with the code that V8 compiled of it in an earlier run: a second start compiles nothing. What is
// kept is an optimisation. A missing, foreign, damaged or refused file only makes the start slower, and is written anew.
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

/** Below the directory of the bundles, /usr/lib/berth. */
const SOURCES = 'code';
/** From there: /var/cache/berth. The package has it; it is not made here. */
const CACHE = '../../../var/cache/berth';
/** A thread is ended without a word, so it does not wait for its end. By then it has done all that it does. */
const THREAD_MS = 10_000;
/** What ends the name of a bundle in that of its file. */
const SUFFIX = '.js-';

/** What the file of a bundle must be called: another build, another Node or another machine has another name. */
export function cacheName(bundle: string, digest: string): string {
  return `${bundle}-${digest}-${process.version}-${process.arch}.bin`;
}

/** Loads `code/NAME` for the file `stub` (/usr/lib/berth/NAME), as `require` would load it; `digest` is of its content. */
export function load(stub: string, digest: string): unknown {
  const [directory, name] = [dirname(stub), basename(stub)];
  const filename = join(directory, SOURCES, name);
  // The bundle is ASCII (bundle.ts), one byte a character in memory.
  const source = readFileSync(filename, 'latin1');
  const file = join(directory, CACHE, cacheName(name, digest));
  const cachedData = readCache(file);
  const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
  if (cachedData === undefined || script.cachedDataRejected === true) storeLater(file, () => script.createCachedData());
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(stub), module, stub, directory);
  return module.exports;
}

/**
 * Code that another user could have written is not run, and none that the disk has changed: V8 does not check it and dies of it.
 * The file has the code twice. To compare both is quicker than to load node:zlib for a checksum.
 */
export function readCache(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    const own = stat.uid === 0 || stat.uid === process.geteuid?.();
    if (!stat.isFile() || !own || (stat.mode & 0o022) !== 0) return undefined;
    const content = readFileSync(fd);
    const half = content.length / 2;
    const data = content.subarray(0, half);
    return half > 0 && Number.isInteger(half) && data.equals(content.subarray(half)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function storeLater(file: string, content: () => Buffer): void {
  const store = (): void => {
    try {
      writeCache(file, content());
    } catch {
      // No such directory, another user's, a full disk: the next start compiles again.
    }
  };
  if (isMainThread) process.once('exit', store);
  else setTimeout(store, THREAD_MS).unref();
}

/** Whole or not at all; takes away what other versions have left. Throws what node:fs does. */
export function writeCache(file: string, data: Buffer): void {
  const temporary = `${file}.${process.pid}`;
  const fd = openSync(temporary, 'wx', 0o644);
  try {
    writeAll(fd, data);
    writeAll(fd, data);
    // The agent's umask keeps other users out; the command is theirs as well.
    fchmodSync(fd, 0o644);
    fsyncSync(fd);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  const [directory, name] = [dirname(file), basename(file)];
  const bundle = name.slice(0, name.indexOf(SUFFIX) + SUFFIX.length);
  for (const other of readdirSync(directory))
    if (other.startsWith(bundle) && other !== name) rmSync(join(directory, other), { force: true });
}

function writeAll(fd: number, data: Buffer): void {
  for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
}
