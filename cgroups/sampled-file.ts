// One file of a cgroup, kept open and read again and again from its beginning.
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { codeOf, SysError, sysErrorFrom } from '../linux/errors.js';
import type { ReadBuffer } from '../linux/read-buffer.js';

export class SampledFile {
  readonly #path: string;
  readonly #fd: number;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** How many bytes of `buffer` it fills; 0 while the kernel does not keep this account (cgroup.pressure 0). Throws SysError. */
  read(buffer: ReadBuffer): number {
    try {
      return buffer.read(this.#fd, this.#path);
    } catch (error) {
      if (error instanceof SysError && error.errno === constants.errno.EOPNOTSUPP) return 0;
      throw error;
    }
  }

  /** What `parse` makes of it; undefined while it is empty. Throws SysError. */
  parse<T>(buffer: ReadBuffer, parse: (bytes: Buffer, end: number) => T): T | undefined {
    const end = this.read(buffer);
    return end === 0 ? undefined : parse(buffer.bytes, end);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Undefined when there is no such file, or the kernel was booted with psi=0 (EOPNOTSUPP). Throws SysError. */
export function openSampled(path: string): SampledFile | undefined {
  try {
    return new SampledFile(path, openSync(path, 'r'));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EOPNOTSUPP') return undefined;
    throw sysErrorFrom(error, 'open', path);
  }
}
