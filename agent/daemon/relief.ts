// Room for what sets free: files of a fixed size in the state directory, whose blocks the file system has given already. When
// the disk is full, the record of a stop, an end or a removal is written over one of them, which then takes its name: no
// block is asked for, and none is given up in between for which others might be quicker.
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, sysErrorFrom } from '../../linux/errors.js';
import { replaceFile, setAside, syncDirectory } from '../base/durable.js';
import { isFull } from '../base/host-errors.js';

export interface ReliefOptions {
  /** Default 32 of 32 KiB each. */
  readonly files?: number;
  readonly bytes?: number;
  /** What is to be free beside them. */
  readonly spare?: number;
}

const DEFAULTS = { files: 32, bytes: 32 << 10, spare: 256 << 10 } as const;

export class Relief {
  readonly #directory: string;
  readonly #options: Required<ReliefOptions>;
  /** Names of files that are whole. */
  #ready: string[] = [];
  #looked = false;
  #filling: Promise<number> | undefined;

  constructor(stateDirectory: string, options: ReliefOptions = {}) {
    this.#directory = join(stateDirectory, 'relief');
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Makes what is missing, as far as there is room. Resolves with how many there are. Never throws. */
  refill(): Promise<number> {
    if (this.#looked && this.#ready.length === this.#options.files) return Promise.resolve(this.#ready.length);
    this.#filling ??= this.#fill()
      .catch(() => undefined)
      .then(() => {
        this.#filling = undefined;
        return this.#ready.length;
      });
    return this.#filling;
  }

  /** As `replaceFile`, but where there is no room for it, with what is set aside. */
  async replace(path: string, text: string): Promise<void> {
    try {
      return await replaceFile(path, text);
    } catch (error) {
      if (!isFull(codeOf(error)) || !(await this.#withReserve(path, text))) throw error;
    }
  }

  async #withReserve(path: string, text: string): Promise<boolean> {
    const { bytes } = this.#options;
    const length = Buffer.byteLength(text);
    if (length <= bytes) {
      for (let name = this.#ready.pop(); name !== undefined; name = this.#ready.pop())
        if (await this.#become(join(this.#directory, name), path, text)) return true;
      return false;
    }
    // Too large for one: their blocks are given back, and asked for at once.
    for (let n = Math.ceil(length / bytes) + 1; n > 0; n--) {
      const name = this.#ready.pop();
      if (name === undefined) return false;
      await unlink(join(this.#directory, name)).catch(() => undefined);
    }
    await replaceFile(path, text);
    return true;
  }

  /** False: this one was none, after all. */
  async #become(reserve: string, path: string, text: string): Promise<boolean> {
    try {
      const file = await open(reserve, 'r+');
      try {
        await file.write(text, 0);
        await file.truncate(Buffer.byteLength(text));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(reserve, path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || isFull(codeOf(error))) return false;
      throw sysErrorFrom(error, 'write', path);
    }
    await syncDirectory(dirname(path));
    return true;
  }

  async #fill(): Promise<void> {
    const { files, bytes, spare } = this.#options;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 }).catch(async (error: unknown) => {
      if (codeOf(error) !== 'EEXIST' || !(await setAside(this.#directory))) throw error;
      await mkdir(this.#directory, { mode: 0o700 });
    });
    const found = new Set(await readdir(this.#directory));
    const ready: string[] = [];
    for (let n = 0; n < files; n++) {
      const name = `reserve-${n}`;
      const path = join(this.#directory, name);
      if (found.has(name) && (await isWhole(path, bytes))) ready.push(name);
      else if (await this.#make(path, bytes, spare)) ready.push(name);
    }
    this.#ready = ready;
    this.#looked = true;
  }

  /** Bytes that no file system can compress away. */
  async #make(path: string, bytes: number, spare: number): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < bytes + spare) return false;
    try {
      // A link is another file.
      if (await isOdd(path)) await setAside(path);
      else await unlink(path).catch(() => undefined);
      const file = await open(path, 'wx', 0o600);
      try {
        await file.writeFile(randomBytes(bytes));
      } finally {
        await file.close();
      }
      return true;
    } catch {
      await unlink(path).catch(() => undefined);
      return false;
    }
  }
}

/** One that a crash has left half written, or the disk has cut, is made again. Not opened: to open a FIFO may wait for ever. */
async function isWhole(path: string, bytes: number): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes && found.blocks * 512 >= bytes;
}

async function isOdd(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && !found.isFile();
}
