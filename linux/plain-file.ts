// A file that a person, another program or an earlier agent has named, read without trust in what stands there: a FIFO without a
// writer does not hang, a device or a pseudo file without end does not fill the memory.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { SysError, sysErrorFrom } from './errors.js';

const { EFBIG, EINVAL } = system.errno;
const CHUNK_BYTES = 64 << 10;
const PIECE_BYTES = 1 << 20;
/** Without O_NONBLOCK, open waits for the writer of a FIFO. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The bytes of a plain file, `mostBytes` at most. Throws SysError at once for anything else: EINVAL when it is no plain file,
 * EFBIG when it is larger. A file system that does not answer holds it up: see `orAbort`.
 */
export async function readPlain(path: string, mostBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, FLAGS);
    try {
      const size = check(await file.stat(), path, mostBytes);
      return await readBounded(file, path, mostBytes, chunkFor(size));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** The first bytes of a plain file, `bytes` at most, however large it is. Throws as `readPlain`. */
export async function readStart(path: string, bytes: number): Promise<Buffer> {
  try {
    const file = await open(path, FLAGS);
    try {
      check(await file.stat(), path, Number.POSITIVE_INFINITY);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** A plain file that is too large to be held at once, piece by piece. Throws as `readPlain`. */
export async function* readPieces(path: string, mostBytes: number): AsyncGenerator<Buffer> {
  try {
    const file = await open(path, FLAGS);
    try {
      check(await file.stat(), path, mostBytes);
      for (let left = mostBytes; left > 0; ) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
        if (bytesRead === 0) return;
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** All that a stream says, as a person may name a pipe or standard input; EFBIG when that is more than `mostBytes`. */
export async function readStream(stream: AsyncIterable<Buffer>, name: string, mostBytes: number): Promise<Buffer> {
  const chunks = new Chunks(name, mostBytes);
  for await (const chunk of stream) chunks.add(chunk, chunk.length);
  return chunks.whole();
}

/** As `readPlain`, for what is read once at a start, and for the supervisor. */
export function readPlainSync(path: string, mostBytes: number): Buffer {
  try {
    const fd = openSync(path, FLAGS);
    try {
      const bytes = chunkFor(check(fstatSync(fd), path, mostBytes));
      const chunks = new Chunks(path, mostBytes);
      for (;;) {
        const chunk = Buffer.allocUnsafe(bytes);
        if (!chunks.add(chunk, readSync(fd, chunk))) return chunks.whole();
      }
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** Why it cannot be read, in words that follow the name of the file. */
export function whyUnreadable(error: unknown): string {
  if (!(error instanceof SysError)) return String(error);
  return error.note ?? error.errnoName;
}

function check(found: { isFile(): boolean; readonly size: number }, path: string, mostBytes: number): number {
  if (!found.isFile()) throw new SysError('read', EINVAL, { path, note: 'not a regular file' });
  if (found.size > mostBytes) throw tooLarge(path, mostBytes);
  return found.size;
}

/** Bytes to ask for at once: most files are small, and those of /proc say nothing of their size. */
function chunkFor(size: number): number {
  return size === 0 ? CHUNK_BYTES : Math.min(CHUNK_BYTES, size + 1);
}

async function readBounded(file: FileHandle, path: string, mostBytes: number, bytes: number): Promise<Buffer> {
  const chunks = new Chunks(path, mostBytes);
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, null);
    if (!chunks.add(buffer, bytesRead)) return chunks.whole();
  }
}

/** Its size says nothing of a file of /proc, or of one that grows meanwhile. */
class Chunks {
  readonly #path: string;
  readonly #mostBytes: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(path: string, mostBytes: number) {
    this.#path = path;
    this.#mostBytes = mostBytes;
  }

  /** False at the end of the file. */
  add(chunk: Buffer, length: number): boolean {
    this.#chunks.push(chunk.subarray(0, length));
    this.#length += length;
    if (this.#length > this.#mostBytes) throw tooLarge(this.#path, this.#mostBytes);
    return length > 0;
  }

  whole(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function tooLarge(path: string, mostBytes: number): SysError {
  return new SysError('read', EFBIG, { path, note: `more than ${mostBytes} bytes` });
}
