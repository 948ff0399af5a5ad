// The unpacked layers: each once, whichever images have it. A layer counts when its file says so, which is written when
// everything in its directory is on disk.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { type Damaged, readAll, removeOr, replaceFile, syncDirectory } from '../base/durable.js';
import { SerialByKey } from '../base/serial.js';
import { type Descriptor, MOST_LAYERS } from './manifest.js';
import { layerName, type Places } from './places.js';
import { invalidImage } from './problems.js';
import type { Unpacked, UnpackJob } from './unpack.js';
import type { UnpackerOptions } from './unpacker.js';

export interface LayerPorts {
  readonly places: Places;
  readonly unpack: (job: UnpackJob, options: UnpackerOptions) => Promise<Unpacked>;
  /** Absolute path of zstd(1). */
  readonly zstd: () => string | undefined;
  readonly remove: (path: string) => Promise<void>;
}

export interface LayerLimits extends UnpackerOptions {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

interface Whole {
  readonly chainId: string;
  readonly bytes: number;
}

export class Layers {
  readonly #ports: LayerPorts;
  /** By name. */
  readonly #whole = new Map<string, Whole>();
  readonly #serial = new SerialByKey();
  #attempts = 0;

  constructor(ports: LayerPorts) {
    this.#ports = ports;
  }

  /** What a crash has left is removed; what cannot be, is told. */
  async open(onDamaged: (damaged: Damaged) => void): Promise<void> {
    const { places } = this.#ports;
    await mkdir(places.layers, { recursive: true, mode: 0o700 });
    this.#whole.clear();
    for (const layer of await readAll(places.layers, decode, onDamaged))
      this.#whole.set(layerName(layer.chainId), layer);
    await this.#sweep(onDamaged);
  }

  has(chainId: string): boolean {
    return this.#whole.get(layerName(chainId))?.chainId === chainId;
  }

  /** Unpacked bytes; 0 for one that is not here. */
  bytesOf(chainId: string): number {
    return this.has(chainId) ? (this.#whole.get(layerName(chainId))?.bytes ?? 0) : 0;
  }

  /**
   * Unpacks layer `at` of a chain whose lower layers are here, unless it is here. Its blob is `blob`. Throws `image_invalid`, errors of
   * the host, and the reason of the signal; then nothing of it is left.
   */
  async provide(
    chain: readonly string[],
    at: number,
    diffId: string,
    blob: Descriptor,
    limits: LayerLimits,
  ): Promise<void> {
    const chainId = chain[at] ?? '';
    await this.#serial.run(chainId, async () => {
      limits.signal?.throwIfAborted();
      if (this.has(chainId)) return;
      if (this.#whole.has(layerName(chainId)))
        throw invalidImage(limits.name, `another layer has the name of ${chainId}`);
      await this.#unpack(chain.slice(0, at).reverse(), chainId, diffId, blob, limits);
    });
  }

  /** Removes all but these. Not while a pull is under way. */
  async keepOnly(chainIds: ReadonlySet<string>): Promise<void> {
    for (const { chainId } of [...this.#whole.values()]) {
      if (chainIds.has(chainId)) continue;
      // First what says that it is whole: a crash in between leaves what the sweep removes.
      await rm(this.#ports.places.layerFile(chainId), { force: true });
      await syncDirectory(this.#ports.places.layers);
      this.#whole.delete(layerName(chainId));
      await this.#ports.remove(this.#ports.places.layer(chainId));
    }
  }

  async #unpack(
    below: readonly string[],
    chainId: string,
    diffId: string,
    { digest, size }: Descriptor,
    { maxBytes, maxEntries, ...options }: LayerLimits,
  ): Promise<void> {
    const { places, unpack, zstd, remove } = this.#ports;
    this.#attempts += 1;
    const directory = `${places.layer(chainId)}.${process.pid}-${this.#attempts}.tmp`;
    const tool = zstd();
    try {
      const { bytes } = await unpack(
        {
          ...{ blob: places.blob(digest), digest, size, diffId, directory, maxBytes, maxEntries },
          below: below.slice(0, MOST_LAYERS).map((id) => places.layer(id)),
          ...(tool === undefined ? {} : { zstd: tool }),
        },
        options,
      );
      await remove(places.layer(chainId));
      await rename(directory, places.layer(chainId));
      await syncDirectory(places.layers);
      const whole = { chainId, bytes };
      await replaceFile(places.layerFile(chainId), JSON.stringify(whole));
      this.#whole.set(layerName(chainId), whole);
    } catch (error) {
      await remove(directory);
      // It may be what is kept that is damaged: the next pull fetches it anew.
      if (error instanceof BerthError && error.code === 'image_invalid') await remove(places.blob(digest));
      throw error;
    }
  }

  async #sweep(onDamaged: (damaged: Damaged) => void): Promise<void> {
    const { places, remove } = this.#ports;
    for (const name of await readdir(places.layers))
      if (!name.endsWith('.json') && !this.#whole.has(name))
        await removeOr(remove, join(places.layers, name), onDamaged);
    for (const [name, { chainId }] of this.#whole)
      if (!(await isThere(this.#ports.places.layer(chainId)))) this.#whole.delete(name);
  }
}

async function isThere(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    (error: unknown) => {
      // Something else with its name is no layer, and goes with the next pull of it.
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return false;
      throw error;
    },
  );
}

function decode(text: string, name: string): Whole {
  const layer = JSON.parse(text) as Whole;
  if (typeof layer.chainId !== 'string' || typeof layer.bytes !== 'number' || layerName(layer.chainId) !== name)
    throw new Error('is no layer');
  return layer;
}
