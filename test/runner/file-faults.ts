// The file calls of node:fs/promises below one directory, and those of node:fs with which durable files are written, of which one
// fails. For test files of their own: it changes the modules for the whole process.
import callbacks, { lstatSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';

export type Errno = 'ENOSPC' | 'EIO' | 'EDQUOT' | 'EROFS';

const CALLS = ['open', 'rename', 'unlink', 'rm', 'mkdir'] as const;
const ON_HANDLE: readonly PropertyKey[] = ['writeFile', 'write', 'sync', 'truncate', 'datasync'];

export interface Fault {
  readonly at: number;
  readonly errno: Errno;
  readonly lasting?: boolean;
}

export interface FileFaults {
  /** Calls since the last `arm`, by name. */
  readonly calls: readonly string[];
  /** The call with this index, counted from now on, fails; `lasting`: and every later one of its name. */
  arm(fault: Fault): void;
  restore(): void;
}

export function fileFaults(directory: string): FileFaults {
  const calls: string[] = [];
  let fault: Fault | undefined;
  const check = (name: string): void => {
    const at = calls.push(name) - 1;
    if (fault === undefined || (fault.at !== at && !(fault.lasting && fault.at < at && calls[fault.at] === name)))
      return;
    const errno = -constants.errno[fault.errno];
    throw Object.assign(new Error(`${fault.errno}: ${name}`), { code: fault.errno, errno, syscall: name });
  };
  const real = Object.fromEntries(CALLS.map((name) => [name, fs[name]]));
  for (const name of CALLS) {
    const call = fs[name] as (...args: unknown[]) => Promise<unknown>;
    const faulty = async (...args: unknown[]): Promise<unknown> => {
      const path = String(args[0]);
      // Files of the kernel in a fixture are on no disk.
      if (!path.startsWith(directory) || path.includes('/proc/sys/')) return call(...args);
      check(name);
      const result = await call(...args);
      return name === 'open' ? faultyHandle(result as FileHandle, check) : result;
    };
    Object.assign(fs, { [name]: faulty });
  }
  const putBack = faultyCallbacks(directory, check);
  syncBuiltinESMExports();
  return {
    calls,
    arm: (next) => {
      fault = next;
      calls.length = 0;
    },
    restore: () => {
      Object.assign(fs, real);
      putBack();
      syncBuiltinESMExports();
    },
  };
}

type Call = (...args: unknown[]) => unknown;

/** `open`, `write` and `fsync` with a callback, and `openSync` of a directory, which is to be synced. */
function faultyCallbacks(directory: string, check: (name: string) => void): () => void {
  const { open, write, fsync, openSync, closeSync } = callbacks;
  const ours = new Set<unknown>();
  const below = (path: unknown): boolean => String(path).startsWith(directory);
  const faulty =
    (call: Call, name: string, isOurs: (first: unknown) => boolean): Call =>
    (...args) => {
      if (!isOurs(args[0])) return call(...args);
      const done = args.at(-1) as (error: unknown, result?: unknown) => void;
      try {
        check(name);
      } catch (error) {
        return setImmediate(done, error);
      }
      const told = (error: unknown, result?: unknown): void => {
        if (name === 'open' && typeof result === 'number') ours.add(result);
        done(error, result);
      };
      return call(...args.slice(0, -1), told);
    };
  Object.assign(callbacks, {
    open: faulty(open as Call, 'open', below),
    write: faulty(write as Call, 'write', (fd) => ours.has(fd)),
    fsync: faulty(fsync as Call, 'sync', (fd) => ours.has(fd)),
    openSync: (...args: Parameters<typeof openSync>) => {
      const [path] = args;
      if (!below(path) || !(lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false))
        return openSync(...args);
      check('open');
      const fd = openSync(...args);
      ours.add(fd);
      return fd;
    },
    closeSync: (fd: number) => {
      ours.delete(fd);
      closeSync(fd);
    },
  });
  return () => {
    Object.assign(callbacks, { open, write, fsync, openSync, closeSync });
  };
}

function faultyHandle(handle: FileHandle, check: (name: string) => void): FileHandle {
  return new Proxy(handle, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        if (ON_HANDLE.includes(name)) check(String(name));
        return value.apply(target, args);
      };
    },
  });
}
