// The images that are here as a whole, one file each. A file is written when its layers are on disk, and removed before they are.
// Each change is one write: a name belongs to the image of the latest pull that has it, whatever other files say.
import { mkdir } from 'node:fs/promises';
import { changeFile } from '../base/change-file.js';
import { type Damaged, readAll } from '../base/durable.js';
import { Serial } from '../base/serial.js';
import { hexOf, type Places } from './places.js';
import type { StoredImage } from './types.js';

export class ImageStore {
  readonly #places: Places;
  /** By digest, as the files have them. */
  readonly #files = new Map<string, StoredImage>();
  /** By name: a digest. */
  #owners: ReadonlyMap<string, string> = new Map();
  readonly #writes = new Serial();

  constructor(places: Places) {
    this.#places = places;
  }

  /** `usable`: what it names is here. Others are forgotten. */
  async open(usable: (image: StoredImage) => boolean, onDamaged: (damaged: Damaged) => void): Promise<void> {
    await mkdir(this.#places.root, { recursive: true, mode: 0o700 });
    this.#files.clear();
    for (const image of await readAll(this.#places.images, decode, onDamaged)) this.#files.set(image.digest, image);
    for (const image of [...this.#files.values()]) if (!usable(image)) await this.#change(image.digest, undefined);
    this.#settle();
  }

  all(): readonly StoredImage[] {
    return [...this.#files.values()].map((image) => this.#asItIs(image));
  }

  byDigest(digest: string): StoredImage | undefined {
    const image = this.#files.get(digest);
    return image === undefined ? undefined : this.#asItIs(image);
  }

  byName(name: string): StoredImage | undefined {
    return this.byDigest(this.#owners.get(name) ?? '');
  }

  /** Its names are taken from the others. Resolves when it is durable. */
  put(image: StoredImage): Promise<void> {
    return this.#writes.run(async () => {
      const names = [...new Set([...(this.byDigest(image.digest)?.names ?? []), ...image.names])];
      // Later than any, whatever the clock of the host says.
      const latest = Math.max(0, ...[...this.#files.values()].map(({ pulledAt }) => pulledAt));
      await this.#change(image.digest, { ...image, names, pulledAt: Math.max(image.pulledAt, latest + 1) });
    });
  }

  /** Resolves when it is durable. Without its last name an image stays as long as a workload has it. */
  unname(name: string): Promise<void> {
    return this.#writes.run(async () => {
      const owner = this.#owners.get(name);
      const having = [...this.#files.values()].filter(({ names }) => names.includes(name));
      // The owner last: until then nothing has changed.
      for (const image of having.sort((a, b) => Number(a.digest === owner) - Number(b.digest === owner)))
        await this.#change(image.digest, { ...image, names: image.names.filter((one) => one !== name) });
    });
  }

  used(digest: string, at: number): Promise<void> {
    return this.#writes.run(async () => {
      const image = this.#files.get(digest);
      if (image !== undefined) await this.#change(digest, { ...image, usedAt: at });
    });
  }

  remove(digest: string): Promise<void> {
    return this.#writes.run(() => this.#change(digest, undefined));
  }

  async #change(digest: string, image: StoredImage | undefined): Promise<void> {
    await changeFile(this.#places.image(digest), textOf(image), () => textOf(this.#files.get(digest)));
    if (image === undefined) this.#files.delete(digest);
    else this.#files.set(digest, image);
    this.#settle();
  }

  #settle(): void {
    const byAge = [...this.#files.values()].sort((a, b) => a.pulledAt - b.pulledAt);
    this.#owners = new Map(byAge.flatMap(({ digest, names }) => names.map((name) => [name, digest] as const)));
  }

  #asItIs(image: StoredImage): StoredImage {
    return { ...image, names: image.names.filter((name) => this.#owners.get(name) === image.digest) };
  }
}

function textOf(image: StoredImage | undefined): string | undefined {
  return image === undefined ? undefined : JSON.stringify(image);
}

function decode(text: string, name: string): StoredImage {
  const image = JSON.parse(text) as StoredImage;
  const isImage = Array.isArray(image.layers) && Array.isArray(image.names) && typeof image.image === 'object';
  if (!isImage || hexOf(String(image.digest)) !== name) throw new Error('is no image');
  return image;
}
