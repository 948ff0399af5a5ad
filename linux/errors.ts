import { constants } from 'node:os';

/**
 * A failed system call. Carries what a person needs to act on it: the operation, its object, the value that was
 * being written, and errno (errno(3)) as number and name.
 */
export class SysError extends Error {
  readonly op: string;
  readonly path: string | undefined;
  readonly value: string | undefined;
  readonly errno: number;
  readonly errnoName: string;
  readonly note: string | undefined;

  constructor(op: string, errno: number, detail: { path?: string; value?: string; note?: string } = {}) {
    const name = errnoName(errno);
    const on = detail.path === undefined ? '' : ` ${detail.path}`;
    const value = detail.value === undefined ? '' : ` (value ${JSON.stringify(detail.value)})`;
    const note = detail.note === undefined ? '' : `: ${detail.note}`;
    super(`${op}${on}${value}: ${name}${note}`);
    this.name = 'SysError';
    this.op = op;
    this.path = detail.path;
    this.value = detail.value;
    this.errno = errno;
    this.errnoName = name;
    this.note = detail.note;
  }
}

/** The first of several names of a number; the kernel's documents say EOPNOTSUPP. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    .reverse()
    .map(([name, number]): [number, string] => [number, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
]);

/** `2` -> `"ENOENT"`; an unknown number becomes `"errno 4711"`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The errno name of anything thrown by node:fs or by this room, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof SysError) return error.errnoName;
  // One number on Linux; the kernel's documents say EOPNOTSUPP, Node the other.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code === 'ENOTSUP' ? 'EOPNOTSUPP' : error.code;
  return undefined;
}

/** Turns a node:fs error into a SysError with the value that was being written; passes anything else through. */
export function sysErrorFrom(error: unknown, op: string, path: string, value?: string): unknown {
  if (error instanceof SysError) return error;
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error;
  return new SysError(op, Math.abs(error.errno), value === undefined ? { path } : { path, value });
}

/** What anything thrown says. Where several addresses failed Node's error has a code and no message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || (codeOf(error) ?? error.name) : String(error);
}
