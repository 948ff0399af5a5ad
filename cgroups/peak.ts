// The most memory since the last look. From Linux 6.12 on, whatever is written to an open memory.peak starts the peak anew
// for that descriptor alone (cgroup-v2.rst); before, the file is read-only, and what is seen has to do.
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import type { ReadBuffer } from '../linux/read-buffer.js';
import { numberAt } from './keyed.js';

const OWNER_MAY_WRITE = 0o200;

export class PeakReader {
  readonly #path: string;
  readonly #fd: number | undefined;
  #seen = 0;

  /** `path`: memory.peak. Throws SysError. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openResettable(path);
    this.#reset();
  }

  /** Told of every memory.current that was read. */
  see(current: number): void {
    if (current > this.#seen) this.#seen = current;
  }

  /** The most since the last time this was asked, or since the reader is there; from `current` it begins anew. Throws SysError. */
  take(buffer: ReadBuffer, current: number): number {
    const peak = Math.max(this.#seen, current, this.#read(buffer));
    this.#reset();
    this.#seen = current;
    return peak;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  #read(buffer: ReadBuffer): number {
    if (this.#fd === undefined) return 0;
    return numberAt(buffer.bytes, 0, buffer.read(this.#fd, this.#path));
  }

  #reset(): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, 'reset\n');
    } catch (error) {
      throw sysErrorFrom(error, 'write', this.#path);
    }
  }
}

/** Undefined where it cannot be written. Root may open even a file that nobody may write; its mode tells. */
function openResettable(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')) return undefined;
    throw sysErrorFrom(error, 'open', path);
  }
  if ((fstatSync(fd).mode & OWNER_MAY_WRITE) !== 0) return fd;
  closeSync(fd);
  return undefined;
}
