// What an image says of its process, and what a root filesystem is made of it.
import type { StopSignal } from './container-spec.js';

export interface ImageConfig {
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `USER[:GROUP]`, names or numbers; empty: root. */
  readonly user: string;
  readonly workingDirectory: string;
  /** Empty: SIGTERM. */
  readonly stopSignal: string;
  /** `80/tcp`. */
  readonly exposedPorts: readonly string[];
}

/** The image of one workload. */
export interface ImageRoot {
  readonly digest: string;
  /** Directory of all layers. */
  readonly directory: string;
  /** Its layers in `directory`, from the top. */
  readonly layers: readonly string[];
  /** Its own layer, from `directory`: it lives as long as the workload has this image. */
  readonly writable: string;
  /** All of it in one file system, for microVMs; undefined: not made. */
  readonly disk?: string | undefined;
  readonly config: ImageConfig;
  /** Undefined: SIGTERM. */
  readonly stopSignal: StopSignal | undefined;
}
