// The door of this room: the images of this node.
import { mkdir, readdir, statfs } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { timeLimit } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import { type Damaged, removeOr } from '../base/durable.js';
import { reportOf } from '../base/errors.js';
import { removeTree } from '../base/remove-tree.js';
import { parseDuration, parseSize } from '../base/units.js';
import type { Config } from '../config/schema.js';
import { STOP_SIGNALS, type StopSignal } from '../model/container-spec.js';
import { actorField, type EventActor, type EventPort } from '../model/event.js';
import type { ImageRoot } from '../model/image.js';
import { DIGEST_PATTERN, type ImageReference, imageName, parseImage } from '../model/image-reference.js';
import type { PullPolicy } from '../model/image-spec.js';
import type { PullProgress, RemovedImages } from '../model/image-view.js';
import { Disks } from './disks.js';
import { isThere } from './files.js';
import { Layers } from './layers.js';
import { Places } from './places.js';
import { imageInUse, noImage, pullFailed, requireRegistry } from './problems.js';
import { boundsOf, Pull } from './pull.js';
import { SharedPulls } from './shared-pulls.js';
import { Skopeo } from './skopeo.js';
import { ImageStore } from './store.js';
import type { ImageSize, ImageUser, StoredImage } from './types.js';
import { type RunApart, unpackApart } from './unpacker.js';

export interface ImagesOptions {
  readonly state: string;
  /** [images] as it is now. */
  readonly settings: () => Config['images'];
  readonly which: (binary: string) => string | undefined;
  readonly events: EventPort;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All workloads; undefined: not known yet, and nothing is deleted. */
  readonly users: () => readonly ImageUser[] | undefined;
  readonly now?: () => number;
  /** For what unpacks layers and makes file systems of them. */
  readonly run: RunApart;
}

export interface PullOptions {
  readonly policy: PullPolicy;
  readonly signal?: AbortSignal | undefined;
}

export interface HoldOptions extends PullOptions {
  /** Digest of the image that the workload has had: what it wrote on top of that one stays. */
  readonly had?: string | undefined;
  /** It is for a microVM, which needs it as one file system. */
  readonly disk?: boolean | undefined;
}

export interface PullCount {
  readonly ok: number;
  readonly failed: number;
  readonly seconds: number;
}

const HOUR_MS = 3_600_000;

export class Images {
  readonly #options: Required<ImagesOptions>;
  readonly #places: Places;
  readonly #layers: Layers;
  readonly #disks: Disks;
  readonly #store: ImageStore;
  readonly #skopeo: Skopeo;
  readonly #pulls = new SharedPulls<StoredImage>(() => this.#options.settings().concurrent_pulls);
  readonly #progress = new Map<string, PullProgress>();
  readonly #count = { ok: 0, failed: 0, seconds: 0 };
  #attempts = 0;
  /** By workload: from the answer until its record has the digest. */
  readonly #held = new Map<string, string>();
  /** Something may lie about that no image has. */
  #untidy = true;
  /** Until then no pull begins. */
  #tidying: Promise<void> = Promise.resolve();

  constructor(options: ImagesOptions) {
    this.#options = { now: Date.now, ...options };
    const { state, which, settings, env, run } = this.#options;
    this.#places = new Places(state);
    this.#store = new ImageStore(this.#places);
    this.#skopeo = new Skopeo({ which, settings, env });
    this.#layers = new Layers({
      places: this.#places,
      unpack: (job, how) => unpackApart(job, how, { run, which }),
      zstd: () => which('zstd'),
      remove: removeTree,
    });
    this.#disks = new Disks({ places: this.#places, run, which });
  }

  /** What a crash has left of pulls is removed. What cannot be is told, and keeps nobody from the images that are whole. */
  async open(onDamaged: (damaged: Damaged) => void): Promise<void> {
    await this.#layers.open(onDamaged);
    await this.#disks.open(onDamaged);
    await this.#store.open(({ layers }) => layers.every(({ chainId }) => this.#layers.has(chainId)), onDamaged);
    for (const path of [this.#places.pulls, this.#places.written]) await mkdir(path, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#places.pulls))
      await removeOr(removeTree, join(this.#places.pulls, name), onDamaged);
  }

  /** Whether `pull` of this name can begin. Throws `invalid_params`, `not_permitted`, `image_unknown`, `binary_missing`. Has no effect. */
  check(name: string, policy: PullPolicy): void {
    const image = referenceOf(name);
    const here = this.#store.byName(imageName(image)) !== undefined;
    if (here && policy !== 'always') return;
    if (policy === 'never') throw noImage(imageName(image));
    requireRegistry(image, this.#options.settings().registries);
    this.#skopeo.require();
  }

  /** The image, fetched where `policy` asks for it. Throws what `check` does, `image_pull_failed`, `image_invalid`, `disk_full`. */
  async pull(name: string, { policy, signal }: PullOptions): Promise<StoredImage> {
    this.check(name, policy);
    const image = referenceOf(name);
    const canonical = imageName(image);
    const here = this.#store.byName(canonical);
    if (here !== undefined && policy !== 'always') return here;
    return this.#pulls.run(canonical, (end) => this.#pull(image, canonical, end), signal);
  }

  /**
   * As `pull`, for a workload, which has written nothing on top of it: nobody deletes the image before `letGo`. Resolves with its
   * digest.
   */
  async hold(workload: string, name: string, { had, disk, ...options }: HoldOptions): Promise<string> {
    const image = await this.pull(name, options);
    const { digest } = image;
    options.signal?.throwIfAborted();
    this.#held.set(workload, digest);
    try {
      if (disk === true) await this.#provideDisk(image, name, options.signal);
    } catch (error) {
      this.letGo(workload);
      throw error;
    }
    if (digest !== had) await removeTree(this.#places.writable(workload));
    if (options.signal?.aborted === true) this.letGo(workload);
    return digest;
  }

  /** What its root filesystem is made of; undefined: the image is not here. */
  root(workload: string, digest: string): ImageRoot | undefined {
    const image = this.#store.byDigest(digest);
    if (image === undefined) return undefined;
    const { directory, names } = this.layersOf(image);
    const { stopSignal } = image.image;
    const disk = this.#disks.pathOf(topOf(image));
    return {
      ...{ digest, directory, layers: names, disk, config: image.image },
      writable: relative(directory, this.#places.writable(workload)),
      stopSignal: stopSignal in STOP_SIGNALS ? (stopSignal as StopSignal) : undefined,
    };
  }

  /** The workload is gone, and what it has written with it. */
  async forget(workload: string): Promise<void> {
    this.letGo(workload);
    if (await isThere(this.#places.writable(workload))) await removeTree(this.#places.writable(workload));
  }

  letGo(workload: string): void {
    this.#held.delete(workload);
  }

  /** Canonical. Throws `invalid_params`. */
  nameOf(name: string): string {
    return imageName(referenceOf(name));
  }

  byDigest(digest: string): StoredImage | undefined {
    return this.#store.byDigest(digest);
  }

  list(): readonly StoredImage[] {
    return this.#store.all();
  }

  sizeOf(image: StoredImage): ImageSize {
    const { layers } = image;
    return {
      blobs: layers.reduce((sum, { size }) => sum + size, 0),
      layers: layers.reduce(
        (sum, { chainId }) => sum + this.#layers.bytesOf(chainId),
        this.#disks.bytesOf(topOf(image)),
      ),
    };
  }

  /** On disk, each layer once. */
  bytes(images: readonly StoredImage[] = this.list()): number {
    const found = new Map(
      images.flatMap(({ layers }) =>
        layers.map((layer) => [layer.chainId, layer.size + this.#layers.bytesOf(layer.chainId)] as const),
      ),
    );
    const disks = [...new Set(images.map(topOf))].map((chainId) => this.#disks.bytesOf(chainId));
    return [...found.values(), ...disks].reduce((sum, bytes) => sum + bytes, 0);
  }

  counts(): PullCount {
    return { ...this.#count };
  }

  /** Pulls under way, by name. */
  progress(): ReadonlyMap<string, PullProgress> {
    return this.#progress;
  }

  /** Directory of the layers, and their names in it from the top. */
  layersOf({ layers }: StoredImage): { readonly directory: string; readonly names: readonly string[] } {
    const { layers: directory } = this.#places;
    return {
      directory,
      names: layers.map(({ chainId }) => this.#places.layer(chainId).slice(directory.length + 1)).reverse(),
    };
  }

  /**
   * A name, or by its digest an image with all its names. Throws `image_unknown`; `image_in_use` for the last name of an image that
   * a workload has.
   */
  async delete(asked: string, by?: EventActor): Promise<RemovedImages> {
    const isDigest = DIGEST_PATTERN.test(asked);
    const name = isDigest ? asked : imageName(referenceOf(asked));
    const image = isDigest ? this.#store.byDigest(name) : this.#store.byName(name);
    if (image === undefined) throw noImage(name);
    const names = isDigest ? image.names : [name];
    const users = this.users().filter(({ digest }) => digest === image.digest);
    if (image.names.length === names.length && users.length > 0) throw imageInUse(name, users);
    return this.#remove([{ digest: image.digest, names }], by);
  }

  /** Deletes images that no workload has: all of them, or those unused for `idleMs`. */
  prune(idleMs = 0, by?: EventActor): Promise<RemovedImages> {
    return this.#remove(this.idle(idleMs), by);
  }

  /** What `prune` would delete. */
  idle(idleMs: number): readonly StoredImage[] {
    const used = this.#used();
    const before = this.#options.now() - idleMs;
    return this.list().filter(({ digest, usedAt }) => !used.has(digest) && usedAt <= before);
  }

  /** Bytes on disk that nothing but these images needs. */
  bytesOfOnly(digests: ReadonlySet<string>): number {
    return this.bytes() - this.bytes(this.list().filter(({ digest }) => !digests.has(digest)));
  }

  /** Each minute: what is used is noted, what was unused for too long goes, and all where the disk is short of room. */
  async look(): Promise<RemovedImages> {
    const { now, settings } = this.#options;
    const used = this.#used();
    for (const { digest, usedAt } of this.list())
      if (used.has(digest) && now() - usedAt > HOUR_MS) await this.#store.used(digest, now());
    await this.#removeWritten();
    const { bavail, bsize } = await statfs(this.#places.root);
    const isShort = bavail * bsize < (parseSize(settings().min_free) ?? 0);
    return this.prune(isShort ? 0 : (parseDuration(settings().keep) ?? 0));
  }

  /** Removes what no image has. While pulls are under way it is left to the next call. */
  async tidy(): Promise<void> {
    if (!this.#untidy || this.#pulls.size > 0) return;
    this.#untidy = false;
    // One after the other: a pull waits for the last of them.
    this.#tidying = this.#tidying.catch(() => undefined).then(() => this.#removeUnused());
    try {
      await this.#tidying;
    } catch (error) {
      this.#untidy = true;
      throw error;
    }
  }

  /** Names first; what no name has any more goes then, or after the pulls that are under way. */
  async #remove(images: readonly Pick<StoredImage, 'digest' | 'names'>[], by?: EventActor): Promise<RemovedImages> {
    const gone = images.filter(({ digest, names }) => this.#store.byDigest(digest)?.names.length === names.length);
    const freed = this.bytesOfOnly(new Set(gone.map(({ digest }) => digest)));
    // A crash in between leaves an image without a name, which the next agent removes.
    this.#untidy = true;
    for (const { names } of images)
      for (const name of names) {
        await this.#store.unname(name);
        this.#options.events.append({ type: 'image.deleted', data: { image: name }, ...actorField(by) });
      }
    await this.tidy();
    return { images: images.map(({ digest, names }) => ({ digest, names })), freed };
  }

  async #removeUnused(): Promise<void> {
    const used = this.#used();
    for (const { digest, names } of this.list())
      if (names.length === 0 && !used.has(digest)) await this.#store.remove(digest);
    const images = this.list();
    await this.#layers.keepOnly(new Set(images.flatMap(({ layers }) => layers.map(({ chainId }) => chainId))));
    await this.#disks.keepOnly(new Set(images.map(topOf)));
    const blobs = new Set(
      images.flatMap(({ manifest, config, layers }) => [manifest, config, ...layers.map(({ digest }) => digest)]),
    );
    const directory = join(this.#places.blobs, 'sha256');
    const there = await readdir(directory).catch(() => []);
    for (const name of there) if (!blobs.has(`sha256:${name}`)) await removeTree(join(directory, name));
  }

  /** Of workloads that are gone: a crash came before `forget`. */
  async #removeWritten(): Promise<void> {
    const known = (): ReadonlySet<string> =>
      new Set(
        this.users()
          .map(({ workload }) => workload)
          .concat(...this.#held.keys()),
      );
    const before = known();
    // It may have come to be while the one before was removed.
    for (const name of (await readdir(this.#places.written)).filter((one) => !before.has(one)))
      if (!known().has(name)) await removeTree(this.#places.writable(name));
  }

  /** All workloads, and once more each that has just been given an image which its record does not have yet. */
  users(): readonly ImageUser[] {
    const found = this.#options.users();
    if (found === undefined)
      throw new BerthError('shutting_down', 'the agent has not read its workloads yet, and deletes no image before');
    const held = found.flatMap((user) => {
      const digest = this.#held.get(user.workload);
      return digest === undefined || digest === user.digest ? [] : [{ ...user, digest }];
    });
    return [...found, ...held];
  }

  #used(): ReadonlySet<string> {
    return new Set(
      this.users()
        .flatMap(({ digest }) => digest ?? [])
        .concat(...this.#held.values()),
    );
  }

  async #pull(image: ImageReference, name: string, end: AbortSignal): Promise<StoredImage> {
    const { events, now } = this.#options;
    const bounds = boundsOf(this.#options.settings());
    const late = () => pullFailed(name, `it took longer than ${bounds.deadlineMs / 1000} s (images.pull_deadline)`);
    const limit = timeLimit(bounds.deadlineMs, { within: end, tooLate: late });
    const begun = performance.now();
    const tell = (progress: PullProgress): void => {
      this.#progress.set(name, progress);
      events.append({ type: 'image.pulling', data: { image: name, ...progress } });
    };
    const directory = join(this.#places.pulls, `${process.pid}-${this.#attempts++}`);
    this.#untidy = true;
    try {
      await this.#tidying.catch(() => undefined);
      const ports = { places: this.#places, skopeo: this.#skopeo, layers: this.#layers, remove: removeTree, now };
      const stored = (digest: string) => this.#store.byDigest(digest);
      const pull = new Pull(image, { ...ports, stored }, bounds, { signal: limit.signal, tell });
      const found = await pull.run(directory);
      await this.#store.put(found);
      this.#count.ok += 1;
      events.append({
        type: 'image.pulled',
        data: { image: name, digest: found.digest, ms: Math.round(performance.now() - begun) },
      });
      return this.#store.byDigest(found.digest) ?? found;
    } catch (error) {
      this.#count.failed += 1;
      events.append({ type: 'image.failed', data: { image: name, error: reportOf(error) } });
      throw error;
    } finally {
      limit.done();
      this.#count.seconds += (performance.now() - begun) / 1000;
      this.#progress.delete(name);
    }
  }

  async #provideDisk({ layers }: StoredImage, name: string, signal: AbortSignal | undefined): Promise<void> {
    const { deadlineMs, maxBytes, minFree } = boundsOf(this.#options.settings());
    const chain = layers.map(({ chainId }) => chainId);
    const unpacked = chain.reduce((sum, chainId) => sum + this.#layers.bytesOf(chainId), 0);
    await this.#disks.provide(chain, { name, deadlineMs, maxBytes, minFree, unpacked, signal });
  }
}

function referenceOf(name: string): ImageReference {
  const image = parseImage(name);
  if (image !== undefined) return image;
  throw new BerthError('invalid_params', `${JSON.stringify(name.slice(0, 128))} is no name of an image`, {
    hint: 'Names are docker://HOST/PATH:TAG, oci:DIR:TAG, oci-archive:FILE and docker-archive:FILE.',
  });
}

/** The layer that stands for all of them. */
function topOf({ layers }: StoredImage): string {
  return layers.at(-1)?.chainId ?? '';
}
