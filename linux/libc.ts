// The one door to libc. Everything that needs a C function declares it through `func`, so that koffi can be
// exchanged for node:ffi in one place. Calls are synchronous on purpose: setns(2) and unshare(2) act on the
// calling thread, which koffi's async calls (libuv's pool) would miss.
import koffi from 'koffi';
import { SysError } from './errors.js';

const libc = koffi.load('libc.so.6');

/** Declares a C function of libc, e.g. `func('int setns(int fd, int nstype)')`. Costs about 0.2-0.5 us a call. */
export function func(prototype: string): (...args: unknown[]) => number {
  return libc.func(prototype);
}

/** As `func`, or undefined where this libc has no such symbol (posix_spawnattr_setcgroup_np before glibc 2.39). */
export function optionalFunc(prototype: string): ((...args: unknown[]) => number) | undefined {
  try {
    return func(prototype);
  } catch {
    return undefined;
  }
}

/**
 * As `func`, but called on a thread of libuv's pool, which it holds until it returns. Only for functions that do not act on the
 * calling thread. What it points at must stay where it is. errno(3) is lost.
 */
export function pooledFunc(prototype: string): (...args: unknown[]) => Promise<number> {
  return pooled(libc, prototype);
}

/** As `pooledFunc`, of the first of `libraries` that is installed. Throws the error of the last when none is. */
export function pooledFuncOf(libraries: readonly string[], prototype: string): (...args: unknown[]) => Promise<number> {
  let missing: unknown;
  for (const name of libraries)
    try {
      return pooled(koffi.load(name), prototype);
    } catch (error) {
      missing = error;
    }
  throw missing;
}

function pooled(library: typeof libc, prototype: string): (...args: unknown[]) => Promise<number> {
  const call = library.func(prototype);
  return (...args) =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, result: number) => (error === null ? resolve(result) : reject(error)));
    });
}

/** errno(3) of the last call; only valid directly after it, before any other call on this thread. */
export function errno(): number {
  return koffi.errno();
}

/**
 * Where the bytes of `buffer` lie, for a structure that points at them. It must be backed by an ArrayBuffer made as such:
 * a small Buffer lies on the heap, where the collector moves it.
 */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

/** Throws a SysError when `result` is negative, with the current errno; otherwise returns `result`. */
export function check(result: number, op: string, detail: { path?: string; value?: string } = {}): number {
  if (result < 0) throw new SysError(op, errno(), detail);
  return result;
}
