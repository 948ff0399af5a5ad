// The root filesystems of microVMs: all layers of an image in one read-only squashfs, made when the first microVM wants it, and shared
// by all. A disk counts when its file says so, which is written when the disk is whole.
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Damaged, readAll, removeOr, replaceFile, syncDirectory } from '../base/durable.js';
import { type DiskPorts, makeDisk } from './disk-maker.js';
import { requireRoom } from './files.js';
import type { Places } from './places.js';
import { layerName } from './places.js';
import { invalidImage } from './problems.js';
import { SharedPulls } from './shared-pulls.js';
import type { UnpackerOptions } from './unpacker.js';

export interface DisksOptions extends DiskPorts {
  readonly places: Places;
}

export interface DiskLimits extends UnpackerOptions {
  readonly maxBytes: number;
  /** Bytes of all layers. */
  readonly unpacked: number;
  /** Bytes that the file system keeps. */
  readonly minFree: number;
}

interface Whole {
  /** Of the topmost layer, which stands for all. */
  readonly chainId: string;
  readonly bytes: number;
}

export class Disks {
  readonly #options: DisksOptions;
  /** By name. */
  readonly #whole = new Map<string, Whole>();
  /** By chain. One at a time: each takes a processor, and the room on the disk that the next one asks for. */
  readonly #making = new SharedPulls<void>(() => 1);
  #attempts = 0;

  constructor(options: DisksOptions) {
    this.#options = options;
  }

  /** What a crash has left is removed; what cannot be, is told. */
  async open(onDamaged: (damaged: Damaged) => void): Promise<void> {
    const { places } = this.#options;
    await mkdir(places.disks, { recursive: true, mode: 0o700 });
    this.#whole.clear();
    for (const disk of await readAll(places.disks, decode, onDamaged))
      if ((await sizeOf(places.disk(disk.chainId))) === disk.bytes) this.#whole.set(layerName(disk.chainId), disk);
    const kept = new Set([...this.#whole.keys()].flatMap((name) => [`${name}.json`, `${name}.squashfs`]));
    for (const name of await readdir(places.disks))
      if (!kept.has(name))
        await removeOr((path) => rm(path, { recursive: true, force: true }), join(places.disks, name), onDamaged);
  }

  /** Undefined: not made yet. */
  pathOf(chainId: string): string | undefined {
    return this.#has(chainId) ? this.#options.places.disk(chainId) : undefined;
  }

  /** 0 for one that is not here. */
  bytesOf(chainId: string): number {
    return this.#has(chainId) ? (this.#whole.get(layerName(chainId))?.bytes ?? 0) : 0;
  }

  /**
   * `chain`: of layers that are here, from the bottom. All who ask for one wait for the one that is made. Throws `disk_full`, and as
   * `makeDisk`; then nothing of it is left.
   */
  async provide(chain: readonly string[], { signal, ...limits }: DiskLimits): Promise<void> {
    const chainId = chain.at(-1) ?? '';
    const make = async (end: AbortSignal): Promise<void> => {
      if (this.#has(chainId)) return;
      if (this.#whole.has(layerName(chainId)))
        throw invalidImage(limits.name, `another image has the name of ${chainId}`);
      await this.#make(chain, chainId, { ...limits, signal: end });
    };
    await this.#making.run(chainId, make, signal);
  }

  /** Removes all but these. */
  async keepOnly(chainIds: ReadonlySet<string>): Promise<void> {
    const { places } = this.#options;
    for (const { chainId } of [...this.#whole.values()]) {
      if (chainIds.has(chainId)) continue;
      // First what says that it is whole: a crash in between leaves what the next agent removes.
      await rm(places.diskFile(chainId), { force: true });
      await syncDirectory(places.disks);
      this.#whole.delete(layerName(chainId));
      await rm(places.disk(chainId), { force: true });
    }
  }

  #has(chainId: string): boolean {
    return this.#whole.get(layerName(chainId))?.chainId === chainId;
  }

  async #make(
    chain: readonly string[],
    chainId: string,
    { maxBytes, unpacked, minFree, ...options }: DiskLimits,
  ): Promise<void> {
    const { places, ...ports } = this.#options;
    await requireRoom(places.disks, {
      ...{ image: options.name, needed: Math.min(unpacked, maxBytes), minFree },
      ...{ what: `no file system for microVMs was made of the image ${options.name}`, how: 'unpacked' },
    });
    this.#attempts += 1;
    const work = `${places.disk(chainId)}.${process.pid}-${this.#attempts}.tmp`;
    try {
      await mkdir(work, { mode: 0o700 });
      const layers = chain.map(layerName).reverse();
      const made = await makeDisk({ directory: places.layers, layers, work, maxBytes }, options, ports);
      // Its directory is root's alone; a VMM that shows it to its guest may be another user.
      await chmod(made, 0o644);
      await rename(made, places.disk(chainId));
      await syncDirectory(places.disks);
      const whole = { chainId, bytes: (await sizeOf(places.disk(chainId))) ?? 0 };
      await replaceFile(places.diskFile(chainId), JSON.stringify(whole));
      this.#whole.set(layerName(chainId), whole);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}

function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

function decode(text: string, name: string): Whole {
  const disk = JSON.parse(text) as Whole;
  if (typeof disk.chainId !== 'string' || typeof disk.bytes !== 'number' || layerName(disk.chainId) !== name)
    throw new Error('is no disk');
  return disk;
}
