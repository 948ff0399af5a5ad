// Families of the images of the node.
import type { Collectors } from '../collectors.js';

export interface ImageFigures {
  readonly count: number;
  /** On disk, each layer once. */
  readonly bytes: number;
  readonly pulls: { readonly ok: number; readonly failed: number };
}

export interface ImagesSource {
  images(): ImageFigures;
}

export function addImageFamilies(c: Collectors, source: ImagesSource): void {
  c.gauge('berth_images', 'Images on this node.', [], () => [[{}, source.images().count]]);
  const bytes = 'Bytes of all images on disk: layers as fetched and unpacked, a layer that several images have once.';
  c.gauge('berth_images_bytes', bytes, [], () => [[{}, source.images().bytes]]);
  const pulls = 'Pulls of images that have ended since the start of the agent; result: ok or failed.';
  c.counter('berth_image_pulls_total', pulls, ['result'], () => {
    const { ok, failed } = source.images().pulls;
    return [
      [{ result: 'ok' }, ok],
      [{ result: 'failed' }, failed],
    ];
  });
}
