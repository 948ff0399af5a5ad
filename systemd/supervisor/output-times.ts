// When the bytes of an output came: beside `PATH` a directory `PATH.times` with one file of marks for each part, `current` and, for
// the older part, its END. A mark is 16 bytes: where in its part a piece begins, and when the supervisor read the piece.
// Times are an aid to readers: a disk that refuses one costs no output, and the piece counts to the mark before it.
import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const MARK_BYTES = 16;
/** Of a part, at most so much for its marks: programs that write byte by byte must not fill the disk with times. */
const SHARE = 4;

export interface Mark {
  /** Bytes from the start of the part. */
  readonly offset: number;
  /** Unix ms; never before that of the mark before it, also when somebody sets the clock back. */
  readonly at: number;
}

/** `end`: of the older part in the stream; absent: of the current part. */
export function timesOf(path: string, end?: number): string {
  return join(`${path}.times`, end === undefined ? 'current' : String(end));
}

export function readMark(bytes: Buffer, at = 0): Mark {
  return { offset: bytes.readUIntLE(at, 6), at: bytes.readUIntLE(at + 8, 6) };
}

/** Notes that the bytes of the current part from `offset` on came at `at`. True: the part must end, its marks have their share. */
export function noteTime(path: string, limit: number, { offset, at }: Mark): boolean {
  try {
    const fd = openTimes(timesOf(path));
    try {
      const bytes = Buffer.alloc(MARK_BYTES);
      let size = fstatSync(fd).size;
      // A crash may have left half a mark.
      size -= size % MARK_BYTES;
      let last = 0;
      if (size > 0 && readSync(fd, bytes, 0, MARK_BYTES, size - MARK_BYTES) === MARK_BYTES) {
        const before = readMark(bytes);
        if (before.offset <= offset) last = before.at;
        else {
          // Somebody has cut the part.
          size = 0;
          ftruncateSync(fd, size);
        }
      }
      bytes.fill(0);
      bytes.writeUIntLE(offset, 0, 6);
      bytes.writeUIntLE(Math.max(at, last), 8, 6);
      writeSync(fd, bytes, 0, MARK_BYTES, size);
      return size + 2 * MARK_BYTES > limit / SHARE;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

function openTimes(file: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return openSync(file, flags, 0o600);
  } catch {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
    return openSync(file, flags, 0o600);
  }
}
