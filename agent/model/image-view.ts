// What the agent answers about the images of its node.
import type { Range } from '../base/pages.js';
import type { EventActor } from './event.js';
import type { PullPolicy } from './image-spec.js';

/** Tenants that a session covers; null: all. Images are shared by tenants, so that every answer about them is cut to it. */
export interface ImageScope {
  readonly tenants: ReadonlySet<string> | null;
}

export type ImageFilter = ImageScope & Range;

export interface ImageHolder {
  readonly workload: string;
  readonly tenant: string;
}

export interface ImageView {
  readonly digest: string;
  /** Canonical. For a session with scopes: those that its workloads have, or that it has asked for. */
  readonly names: readonly string[];
  /** Bytes of its layers as they were fetched, and as they are used: unpacked, with the file system for microVMs. A layer that several images have counts in each of them. */
  readonly fetched: number;
  readonly unpacked: number;
  /** Unix milliseconds. */
  readonly pulledAt: number;
  /** When a workload was last seen with it, within an hour; the pull, where none was. */
  readonly usedAt: number;
  /** At most MOST_IMAGE_HOLDERS, by id. */
  readonly usedBy: readonly ImageHolder[];
  /** So many are not listed; absent: none. */
  readonly moreUsers?: number;
}

/** Each workload of a host may have the same image. */
export const MOST_IMAGE_HOLDERS = 100;

/** `fetch`: from its source; `unpack`: layer `layer` of `layers`. */
export interface PullProgress {
  readonly phase: 'fetch' | 'unpack';
  readonly layer: number;
  readonly layers: number;
}

/** A pull under way. */
export interface PullView extends PullProgress {
  readonly image: string;
}

export interface PullRequest extends ImageScope {
  readonly policy: PullPolicy;
  /** The pull ends with the last who waits for it. */
  readonly signal: AbortSignal;
  readonly by?: EventActor | undefined;
}

export interface PruneRequest extends ImageScope {
  /** Milliseconds without a workload; 0: however short. */
  readonly unusedFor: number;
  readonly dryRun: boolean;
  readonly by?: EventActor | undefined;
}

export interface RemovedImages {
  readonly images: readonly Pick<ImageView, 'digest' | 'names'>[];
  /** Bytes on disk, without layers that other images have. */
  readonly freed: number;
}
