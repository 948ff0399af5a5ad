// pread(2) into one buffer that stays where it is. For small files that are read thousands of times a second: fs.readSync
// takes a fifth longer, most of it for looking at its arguments.
import { SysError } from './errors.js';
import { addressOf, errno, func } from './libc.js';

const pread = func('long pread(int fd, uintptr_t buffer, size_t count, long offset)');

export class ReadBuffer {
  /** What was read last lies at its beginning. */
  readonly bytes: Buffer;
  readonly #address: number;

  constructor(size: number) {
    this.bytes = Buffer.from(new ArrayBuffer(size));
    // User addresses fit into the 53 bits of a number, which is passed faster than a bigint.
    this.#address = Number(addressOf(this.bytes));
  }

  /** Reads `fd` from its beginning and gives back how many bytes that are. Throws SysError, op `read`. */
  read(fd: number, path: string): number {
    const length = pread(fd, this.#address, this.bytes.length, 0);
    if (length < 0) throw new SysError('read', errno(), { path });
    return length;
  }
}
