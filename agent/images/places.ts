// Where this room keeps what, below the state directory. Names are functions of digests.
import { join } from 'node:path';

/**
 * Hexadecimal digits of a layer's name: 127 of them fit into the page in which mount(2) takes the options of overlayfs. The whole
 * digest stands in the layer's own file, and another layer of the same name is refused.
 */
const NAME_DIGITS = 26;

export class Places {
  readonly root: string;
  readonly images: string;
  readonly layers: string;
  /** Root filesystems of microVMs. */
  readonly disks: string;
  readonly blobs: string;
  readonly pulls: string;
  /** Of workloads. */
  readonly written: string;

  constructor(state: string) {
    this.root = join(state, 'images');
    this.images = join(this.root, 'by-digest');
    this.layers = join(this.root, 'layers');
    this.disks = join(this.root, 'disks');
    this.blobs = join(this.root, 'blobs');
    this.pulls = join(this.root, 'pulls');
    this.written = join(this.root, 'written');
  }

  writable(workload: string): string {
    return join(this.written, workload);
  }

  image(digest: string): string {
    return join(this.images, `${hexOf(digest)}.json`);
  }

  blob(digest: string): string {
    return join(this.blobs, 'sha256', hexOf(digest));
  }

  layer(chainId: string): string {
    return join(this.layers, layerName(chainId));
  }

  /** It says that the layer is whole. */
  layerFile(chainId: string): string {
    return `${this.layer(chainId)}.json`;
  }

  /** `chainId`: of its topmost layer. */
  disk(chainId: string): string {
    return join(this.disks, `${layerName(chainId)}.squashfs`);
  }

  /** It says that the disk is whole. */
  diskFile(chainId: string): string {
    return join(this.disks, `${layerName(chainId)}.json`);
  }
}

export function layerName(chainId: string): string {
  return hexOf(chainId).slice(0, NAME_DIGITS);
}

export function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
