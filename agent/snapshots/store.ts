// Snapshots of virtual machines, each in a directory STATE/snapshots/WORKLOAD/NAME. One counts when its manifest is there: that is
// written when all else is on disk, and removed before anything else is.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { readState, removeFile, replaceFile, syncDirectory } from '../base/durable.js';
import { namesOfReal } from '../base/real-directory.js';
import type { SnapshotFile, SnapshotView } from '../model/snapshot.js';
import { decodeManifest, encodeManifest, MANIFEST } from './manifest.js';

/** Digits of a name, at least. */
const DIGITS = 4;
const NAME = new RegExp(`^[0-9]{${DIGITS},16}$`);
const PIECE = 1 << 20;

export interface Begun {
  readonly name: string;
  readonly directory: string;
}

export class Snapshots {
  readonly #state: string;
  readonly #directory: string;
  readonly #whole = new Map<string, SnapshotView>();
  /** Files as they were when their digest was right: what has not changed since is not read again. */
  readonly #verified = new Map<string, string>();

  constructor(state: string) {
    this.#state = state;
    this.#directory = join(state, 'snapshots');
  }

  /** Reads what is there; removes what a crash has left in the middle. `damaged` is told of a manifest that cannot be read. */
  async load(damaged: (path: string, problem: string) => void): Promise<void> {
    for (const workload of await namesOfReal(this.#directory))
      for (const name of await namesOfReal(join(this.#directory, workload))) {
        // Nobody but berth names one so.
        if (!NAME.test(name)) continue;
        const directory = this.directory(workload, name);
        const path = join(directory, MANIFEST);
        try {
          const view = decodeManifest(await readState(path));
          if (view.workload !== workload || view.name !== name) throw new Error(`is of ${view.workload}/${view.name}`);
          this.#whole.set(keyOf(workload, name), view);
        } catch (error) {
          if (codeOf(error) === 'ENOENT') await rm(directory, { recursive: true, force: true });
          else damaged(path, messageOf(error));
        }
      }
  }

  directory(workload: string, name: string): string {
    return join(this.#directory, workload, name);
  }

  get(workload: string, name: string): SnapshotView | undefined {
    return this.#whole.get(keyOf(workload, name));
  }

  list(): SnapshotView[] {
    return [...this.#whole.values()];
  }

  /** Bytes that can still be written. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#state);
    return bavail * bsize;
  }

  /** An empty directory, which counts for nothing yet. Its number is above those that are there, and above `used`. */
  async begin(workload: string, used = 0): Promise<Begun> {
    const parent = join(this.#directory, workload);
    await mkdir(parent, { recursive: true, mode: 0o700 });
    const last = Math.max(used, ...(await readdir(parent)).map(Number).filter(Number.isSafeInteger));
    const name = String(last + 1).padStart(DIGITS, '0');
    const directory = join(parent, name);
    await mkdir(directory, { mode: 0o700 });
    return { name, directory };
  }

  /** Durable when it resolves. */
  async complete(view: Omit<SnapshotView, 'files'>, files: readonly string[]): Promise<SnapshotView> {
    const { workload, name } = view;
    const directory = this.directory(workload, name);
    const whole: SnapshotView = { ...view, files: await Promise.all(files.map((file) => this.#seal(directory, file))) };
    await replaceFile(join(directory, MANIFEST), encodeManifest(whole));
    await syncDirectory(join(this.#directory, workload));
    await syncDirectory(this.#directory);
    this.#whole.set(keyOf(workload, name), whole);
    return whole;
  }

  /** Throws `snapshot_damaged` for one that is not there, or whose files are not those that were written. */
  async verify(workload: string, name: string): Promise<SnapshotView> {
    const view = this.get(workload, name);
    if (view === undefined) throw damaged(workload, name, 'it is not there');
    const directory = this.directory(workload, name);
    for (const file of view.files) {
      const path = join(directory, file.name);
      const problem = await this.#problemOf(path, file).catch((error: unknown) => messageOf(error));
      if (problem !== undefined) throw damaged(workload, name, problem);
    }
    return view;
  }

  /** Durable; what is not there is gone already. */
  async remove(workload: string, name: string): Promise<void> {
    const directory = this.directory(workload, name);
    this.#whole.delete(keyOf(workload, name));
    for (const path of this.#verified.keys()) if (path.startsWith(`${directory}/`)) this.#verified.delete(path);
    await removeFile(join(directory, MANIFEST)).catch(unlessGone);
    await rm(directory, { recursive: true, force: true });
  }

  /** All of a workload. */
  async forget(workload: string): Promise<void> {
    for (const name of await namesOfReal(join(this.#directory, workload))) await this.remove(workload, name);
    await rm(join(this.#directory, workload), { recursive: true, force: true });
  }

  async #seal(directory: string, name: string): Promise<SnapshotFile> {
    const path = join(directory, name);
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    const { bytes, sha256 } = await digestOf(path);
    this.#verified.set(path, await lookOf(path));
    return { name, bytes, sha256 };
  }

  async #problemOf(path: string, { bytes, sha256 }: SnapshotFile): Promise<string | undefined> {
    const look = await lookOf(path);
    if (this.#verified.get(path) === look) return undefined;
    const now = await digestOf(path);
    if (now.bytes !== bytes) return `${path} has ${now.bytes} bytes; ${bytes} were written`;
    if (now.sha256 !== sha256) return `${path} is not what was written: its SHA-256 differs`;
    this.#verified.set(path, look);
    return undefined;
  }
}

function keyOf(workload: string, name: string): string {
  return `${workload}/${name}`;
}

/** Whoever changes a file changes this, too: the kernel sets the time of the change. */
async function lookOf(path: string): Promise<string> {
  const { ino, size, ctimeNs } = await stat(path, { bigint: true });
  return `${ino} ${size} ${ctimeNs}`;
}

async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const digest = createHash('sha256');
  const file = await open(path, 'r');
  let bytes = 0;
  // In pieces, so that the loop gets its turn between them.
  for await (const piece of file.createReadStream({ highWaterMark: PIECE })) {
    digest.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: digest.digest('hex') };
}

function unlessGone(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}

function damaged(workload: string, name: string, problem: string): BerthError {
  return new BerthError('snapshot_damaged', `snapshot ${name} of workload "${workload}" cannot be used: ${problem}`, {
    data: { workload, name },
  });
}
