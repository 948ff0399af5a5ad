// The kernel's log as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg): each read(2) is one record, the first
// one the oldest that the ring buffer still has.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { codeOf, sysErrorFrom } from './errors.js';

export interface KmsgRecord {
  /** Rises by one with every record of this boot. */
  readonly sequence: number;
  readonly text: string;
}

/** The longest record there is (PRINTK_MESSAGE_MAX, kernel/printk/internal.h); into less, read(2) fails with EINVAL. */
const RECORD_BYTES = 8192;

/** Facility 0, the kernel; what processes write to /dev/kmsg never has it. */
const KERNEL_PRIORITIES = 8;

/** Pure. Undefined for what a process has written, and for what is no record at all. */
export function parseKmsg(record: string): KmsgRecord | undefined {
  const match = /^(\d+),(\d+),\d+,[^;]*;([^\n]*)/.exec(record);
  const [, priority, sequence, text] = match ?? [];
  if (priority === undefined || sequence === undefined || text === undefined) return undefined;
  if (Number(priority) >= KERNEL_PRIORITIES) return undefined;
  return { sequence: Number(sequence), text: unescaped(text) };
}

/** Bytes that are not printable ASCII come as `\xNN`, a backslash among them. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

export class KmsgReader {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(RECORD_BYTES);

  /** Throws SysError: EPERM without CAP_SYSLOG where kernel.dmesg_restrict is 1 (CAP_SYS_ADMIN does not do), ENOENT. */
  constructor(path = '/dev/kmsg') {
    try {
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw sysErrorFrom(error, 'open', path);
    }
  }

  /** The next record as it is; null: some were overwritten before they were read; undefined: no more at present. */
  read(): string | null | undefined {
    try {
      const length = readSync(this.#fd, this.#buffer, 0, RECORD_BYTES, null);
      return length === 0 ? undefined : this.#buffer.toString('latin1', 0, length);
    } catch (error) {
      if (codeOf(error) === 'EAGAIN') return undefined;
      if (codeOf(error) === 'EPIPE') return null;
      throw sysErrorFrom(error, 'read', '/dev/kmsg');
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
