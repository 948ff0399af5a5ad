// What a file of events asks of the file system while the agent runs: in the thread pool, never on the main loop.
import { close, ftruncate, open, write } from 'node:fs';
import { rename } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface EventIo {
  /** Resolves with how many bytes were taken, which may be fewer. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  truncate(fd: number, length: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A new and empty file, for writing. */
  open(path: string): Promise<number>;
  close(fd: number): Promise<void>;
}

const writeAt = promisify(write);
const openFile = promisify(open);

export const nodeIo: EventIo = {
  write: async (fd, bytes, position) => (await writeAt(fd, bytes, 0, bytes.length, position)).bytesWritten,
  truncate: promisify(ftruncate),
  rename,
  open: (path) => openFile(path, 'w', 0o640),
  close: promisify(close),
};
