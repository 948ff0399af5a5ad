// inotify(7), read without waiting by whoever is told that its descriptor is readable. Node's fs.watch has an instance of
// its own, tells of neither overflows nor lost watches, and hides the watch that an event belongs to.
import { constants } from 'node:os';
import { closeDescriptor } from './fd.js';
import { check, errno, func } from './libc.js';

const libc = {
  init: func('int inotify_init1(int flags)'),
  add: func('int inotify_add_watch(int fd, const char *path, unsigned int mask)'),
  remove: func('int inotify_rm_watch(int fd, int wd)'),
  read: func('long read(int fd, void *buffer, size_t count)'),
};

export const IN_MODIFY = 0x0002;
export const IN_DELETE = 0x0200;
export const IN_DELETE_SELF = 0x0400;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x01000000;

const IN_CLOEXEC = 0o2000000;
const IN_NONBLOCK = 0o4000;
const HEADER = 16;
/** Some 1,500 events, parsed in about a millisecond; what is left keeps the descriptor readable. */
const READ_BYTES = 64 * 1024;

export interface InotifyEvent {
  /** The watch; -1 with IN_Q_OVERFLOW. Numbers are not used again. */
  readonly wd: number;
  readonly mask: number;
  /** What happened in a watched directory happened to the file of this name; empty: to the directory itself. */
  readonly name: string;
}

export class Inotify {
  readonly fd: number;
  readonly #buffer = Buffer.alloc(READ_BYTES);

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Throws SysError: EMFILE when the user has no instance left (fs.inotify.max_user_instances). */
  static open(): Inotify {
    return new Inotify(check(libc.init(IN_CLOEXEC | IN_NONBLOCK), 'inotify_init1'));
  }

  /**
   * The number of the watch on what is at `path` now; the same for the same directory, whose mask is then replaced.
   * Throws SysError: ENOENT, ENOSPC when the user has no watch left (fs.inotify.max_user_watches).
   */
  add(path: string, mask: number): number {
    return check(libc.add(this.fd, path, mask), 'inotify_add_watch', { path });
  }

  /** Repeatable: the kernel may have removed it already. An IN_IGNORED for it is still to come. */
  remove(wd: number): void {
    libc.remove(this.fd, wd);
  }

  /** A part of what waits, in order; empty when nothing does. Throws SysError. */
  read(): InotifyEvent[] {
    const length = libc.read(this.fd, this.#buffer, this.#buffer.length);
    if (length < 0 && errno() === constants.errno.EAGAIN) return [];
    return parseInotifyEvents(this.#buffer.subarray(0, check(length, 'read', { path: 'inotify' })));
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}

/** A sequence of struct inotify_event, of which the kernel never returns a part. */
export function parseInotifyEvents(bytes: Buffer): InotifyEvent[] {
  const events: InotifyEvent[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + HEADER + bytes.readUInt32LE(at + 12);
    // Padded with one or more NUL, so that the next structure is aligned.
    const field = bytes.subarray(at + HEADER, end);
    const nul = field.indexOf(0);
    events.push({
      wd: bytes.readInt32LE(at),
      mask: bytes.readUInt32LE(at + 4),
      name: field.toString('utf8', 0, nul < 0 ? field.length : nul),
    });
    at = end;
  }
  return events;
}
