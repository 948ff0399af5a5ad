// What this room tells others.
import type { ImageConfig } from '../model/image.js';

export interface StoredLayer {
  /** Of the layer on top of those below it. */
  readonly chainId: string;
  /** Of its blob. */
  readonly digest: string;
  /** Of its blob, in bytes. */
  readonly size: number;
}

/** An image that is here as a whole. */
export interface StoredImage {
  /** Of the manifest, as its source has it. */
  readonly digest: string;
  /** Canonical names (model/image-reference.ts); the newest pull of a name takes it from others. */
  readonly names: readonly string[];
  /** Digests of the documents as they are kept here. */
  readonly manifest: string;
  readonly config: string;
  /** From the bottom. */
  readonly layers: readonly StoredLayer[];
  readonly image: ImageConfig;
  /** Unix milliseconds. */
  readonly pulledAt: number;
  /** When a workload was last seen with it, within an hour. */
  readonly usedAt: number;
}

/** Bytes on disk, shared layers counted once for each image. */
export interface ImageSize {
  /** As transferred. */
  readonly blobs: number;
  /** Unpacked, and once more as the file system of microVMs where there is one. */
  readonly layers: number;
}

/** A workload that is to have an image, or has it. */
export interface ImageUser {
  readonly workload: string;
  readonly tenant: string;
  /** As its specification has it; undefined: none. */
  readonly image: string | undefined;
  /** Undefined: not known yet. */
  readonly digest: string | undefined;
}
