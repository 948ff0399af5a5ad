// stdout and stderr of workloads: the holder opens the file O_APPEND, so that it can be cut while it is written to.
import { constants, copyFile, mkdir, open, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import type { LogChunk } from '../service.js';

export class OutputStore {
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor(stateDirectory: string, maxBytes: number) {
    this.#directory = join(stateDirectory, 'logs');
    this.#maxBytes = maxBytes;
  }

  async setup(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  path(id: string): string {
    return join(this.#directory, `${id}.log`);
  }

  /** `offset` absent: the last `limit` bytes. A file cut since makes an offset beyond its end start over. */
  async read(id: string, options: { readonly offset?: number; readonly limit: number }): Promise<LogChunk> {
    const file = await open(this.path(id), constants.O_RDONLY).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) return { next: 0, text: '', end: true };
    try {
      const { size } = await file.stat();
      const wanted = options.offset ?? Math.max(0, size - options.limit);
      const from = wanted > size ? 0 : wanted;
      const buffer = Buffer.alloc(Math.min(options.limit, size - from));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
      const kept = wholeCharacters(buffer.subarray(0, bytesRead));
      return { next: from + kept.length, text: kept.toString('utf8'), end: from + kept.length >= size };
    } finally {
      await file.close();
    }
  }

  /** Bytes in the current file. */
  async size(id: string): Promise<number> {
    return stat(this.path(id)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** The last `limit` bytes of what was written from `since` on; a file cut meanwhile counts from its beginning. */
  async tail(id: string, since: number, limit: number): Promise<string> {
    const size = await this.size(id);
    const from = since > size ? 0 : since;
    return (await this.read(id, { offset: Math.max(from, size - limit), limit })).text;
  }

  /** Keeps at most the last full file beside the current one. What is written between copy and cut is lost. */
  async cap(id: string): Promise<void> {
    const path = this.path(id);
    if ((await this.size(id)) <= this.#maxBytes) return;
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
  }

  async remove(id: string): Promise<void> {
    await rm(this.path(id), { force: true });
    await rm(`${this.path(id)}.1`, { force: true });
  }
}

/** Cuts an incomplete UTF-8 sequence off the end; it comes with the next chunk. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return need > back && bytes.length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
