// A file that a person or an earlier agent has named, read without trust in what stands there: a FIFO without a writer does
// not hang, a device or a pseudo file without end does not fill the memory.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { SysError, sysErrorFrom } from '../linux/errors.js';

const { EFBIG, EINVAL } = system.errno;
const CHUNK_BYTES = 64 << 10;

/**
 * The bytes of a plain file, `mostBytes` at most. Throws SysError at once for anything else: EINVAL when it is no plain file,
 * EFBIG when it is larger. A file system that does not answer holds it up: see `orAbort`.
 */
export async function readPlain(path: string, mostBytes: number): Promise<Buffer> {
  try {
    // Without O_NONBLOCK, open waits for the writer of a FIFO.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new SysError('read', EINVAL, { path, note: 'not a regular file' });
      if (found.size > mostBytes) throw tooLarge(path, mostBytes);
      return await readBounded(file, path, mostBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw sysErrorFrom(error, 'read', path);
  }
}

/** Its size says nothing of a file of /proc, or of one that grows meanwhile. */
async function readBounded(file: FileHandle, path: string, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let length = 0; length <= mostBytes; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  throw tooLarge(path, mostBytes);
}

function tooLarge(path: string, mostBytes: number): SysError {
  return new SysError('read', EFBIG, { path, note: `more than ${mostBytes} bytes` });
}
