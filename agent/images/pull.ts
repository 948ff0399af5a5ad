// One image, from its source to unpacked layers. Nothing counts before all of it is on disk (store.ts), and what is whole of a
// pull that failed is not fetched again by the next.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlain } from '../../linux/plain-file.js';
import { formatSize, parseDuration, parseSize } from '../base/units.js';
import type { Config } from '../config/schema.js';
import { type ImageReference, imageName } from '../model/image-reference.js';
import type { PullProgress } from '../model/image-view.js';
import { requireRoom } from './files.js';
import type { Layers } from './layers.js';
import {
  chainIds,
  type Descriptor,
  digestOf,
  hostPlatform,
  type Manifest,
  MOST_DOCUMENT,
  onlyManifest,
  readConfig,
  readManifest,
} from './manifest.js';
import type { Places } from './places.js';
import { invalidImage, pullFailed } from './problems.js';
import type { RunLimits, Skopeo } from './skopeo.js';
import type { StoredImage } from './types.js';

export interface PullBounds {
  /** Unpacked, all layers. */
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Bytes that the file system keeps. */
  readonly minFree: number;
  readonly deadlineMs: number;
}

/** Of [images]. */
export function boundsOf({ max_size, max_files, min_free, pull_deadline }: Config['images']): PullBounds {
  return {
    maxBytes: parseSize(max_size) ?? 0,
    maxEntries: max_files,
    minFree: parseSize(min_free) ?? 0,
    deadlineMs: parseDuration(pull_deadline) ?? 0,
  };
}

export interface PullPorts {
  readonly places: Places;
  readonly skopeo: Pick<Skopeo, 'manifest' | 'copy'>;
  readonly layers: Layers;
  readonly remove: (path: string) => Promise<void>;
  /** An image of this digest that is here. */
  readonly stored: (digest: string) => StoredImage | undefined;
  readonly now: () => number;
}

/** Blobs are padded and documents come along. */
const SLACK = 1 << 20;

export class Pull {
  readonly #ports: PullPorts;
  readonly #bounds: PullBounds;
  readonly #image: ImageReference;
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #tell: (progress: PullProgress) => void;

  constructor(
    image: ImageReference,
    ports: PullPorts,
    bounds: PullBounds,
    { signal, tell }: { readonly signal: AbortSignal; readonly tell: (progress: PullProgress) => void },
  ) {
    this.#image = image;
    this.#name = imageName(image);
    this.#ports = ports;
    this.#bounds = bounds;
    this.#signal = signal;
    this.#tell = tell;
  }

  /** `directory`: of this pull alone. Throws `image_invalid`, `image_pull_failed`, `binary_missing`, `disk_full`, SysError. */
  async run(directory: string): Promise<StoredImage> {
    const { places, remove, stored } = this.#ports;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(join(places.blobs, 'sha256'), { recursive: true, mode: 0o700 });
    try {
      this.#tell({ phase: 'fetch', layer: 0, layers: 0 });
      const { digest, pinned, manifest } = await this.#resolve(directory);
      const known = stored(digest);
      if (known !== undefined) return { ...known, names: [this.#name], pulledAt: this.#ports.now() };
      return await this.#transfer(directory, digest, pinned, manifest);
    } finally {
      await remove(directory);
    }
  }

  /** The manifest for this host, and the name that means it alone. */
  async #resolve(
    directory: string,
  ): Promise<{ digest: string; pinned: ImageReference; manifest: Manifest | undefined }> {
    const image = this.#image;
    const limits = this.#limits(directory, MOST_DOCUMENT);
    const raw = await this.#ports.skopeo.manifest(image, limits);
    const digest = digestOf(raw);
    if (image.digest !== undefined && image.digest !== digest)
      throw invalidImage(this.#name, `its source has the digest ${digest}, not the one in its name`);
    const found = readManifest(raw, this.#name, hostPlatform());
    if ('layers' in found) return { digest, pinned: at(image, digest), manifest: found };
    // Of a directory or an archive skopeo chooses the platform itself.
    if (image.transport !== 'docker') return { digest, pinned: image, manifest: undefined };
    const pinned = at(image, found.digest);
    const inner = await this.#ports.skopeo.manifest(pinned, limits);
    if (digestOf(inner) !== found.digest)
      throw invalidImage(this.#name, `the manifest ${found.digest} has another digest`);
    const manifest = readManifest(inner, this.#name, hostPlatform());
    if ('layers' in manifest) return { digest: found.digest, pinned, manifest };
    throw invalidImage(this.#name, 'its index names another index');
  }

  async #transfer(
    directory: string,
    digest: string,
    pinned: ImageReference,
    told: Manifest | undefined,
  ): Promise<StoredImage> {
    const { places, skopeo } = this.#ports;
    const most = told === undefined ? this.#bounds.maxBytes : largestOf(told) + SLACK;
    await this.#requireRoom(told);
    const layout = join(directory, 'layout');
    await skopeo.copy(pinned, layout, places.blobs, this.#limits(directory, most));
    const kept = onlyManifest(
      (await readPlain(join(layout, 'index.json'), MOST_DOCUMENT)).toString('utf8'),
      this.#name,
    );
    const manifest = readManifest(await this.#document(kept), this.#name, hostPlatform());
    if (!('layers' in manifest)) throw pullFailed(this.#name, 'skopeo made a layout of several images');
    const { diffIds, image } = readConfig(
      await this.#document(manifest.config.digest),
      this.#name,
      manifest,
      hostPlatform(),
    );
    const chain = chainIds(diffIds);
    await this.#unpack(manifest.layers, diffIds, chain);
    const now = this.#ports.now();
    return {
      ...{ digest, names: [this.#name], manifest: kept, config: manifest.config.digest, image },
      layers: manifest.layers.map((blob, at) => ({ chainId: chain[at] ?? '', digest: blob.digest, size: blob.size })),
      ...{ pulledAt: now, usedAt: now },
    };
  }

  async #unpack(blobs: readonly Descriptor[], diffIds: readonly string[], chain: readonly string[]): Promise<void> {
    const { layers } = this.#ports;
    const { deadlineMs, maxEntries } = this.#bounds;
    let left = this.#bounds.maxBytes;
    for (const [at, blob] of blobs.entries()) {
      this.#tell({ phase: 'unpack', layer: at + 1, layers: blobs.length });
      const limits = { name: this.#name, deadlineMs, signal: this.#signal, maxBytes: left, maxEntries };
      await layers.provide(chain, at, diffIds[at] ?? '', blob, limits);
      left -= layers.bytesOf(chain[at] ?? '');
      if (left < 0)
        throw invalidImage(
          this.#name,
          `its layers have more than ${formatSize(this.#bounds.maxBytes)} (images.max_size)`,
        );
    }
  }

  /** Among the blobs; others may have changed it on disk. */
  async #document(digest: string): Promise<string> {
    const content = await readPlain(this.#ports.places.blob(digest), MOST_DOCUMENT);
    if (digestOf(content) !== digest) throw await this.#spoiled(digest);
    return content.toString('utf8');
  }

  /** The next pull fetches it again. */
  async #spoiled(digest: string): Promise<Error> {
    await this.#ports.remove(this.#ports.places.blob(digest));
    return invalidImage(this.#name, `the content of ${digest} has another digest`);
  }

  async #requireRoom(told: Manifest | undefined): Promise<void> {
    await requireRoom(this.#ports.places.pulls, {
      ...{ image: this.#name, minFree: this.#bounds.minFree },
      ...{ what: `the image ${this.#name} was not pulled`, how: 'packed' },
      needed: told === undefined ? 0 : told.layers.reduce((sum, { size }) => sum + size, 0),
    });
  }

  #limits(directory: string, mostBytes: number): RunLimits {
    return { directory, mostBytes, deadlineMs: this.#bounds.deadlineMs, signal: this.#signal };
  }
}

function at(image: ImageReference, digest: string): ImageReference {
  if (image.transport !== 'docker') return image;
  const { tag: _, ...rest } = image;
  return { ...rest, digest };
}

function largestOf({ config, layers }: Manifest): number {
  return Math.max(config.size, MOST_DOCUMENT, ...layers.map(({ size }) => size));
}
