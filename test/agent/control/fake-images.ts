// Images that exist only in memory. `shared` is used by two tenants, `spare` by nobody.

import { inRange } from '../../../agent/base/pages.js';
import type { AgentService } from '../../../agent/control/service.js';
import { imageInUse, noImage } from '../../../agent/images/problems.js';
import type { ImageUser, StoredImage } from '../../../agent/images/types.js';
import { seenBy, viewOf } from '../../../agent/images/views.js';
import { imageName, parseImage } from '../../../agent/model/image-reference.js';
import type { RemovedImages } from '../../../agent/model/image-view.js';
import { BerthError } from '../../../protocol/errors.js';

export type ImageService = Pick<AgentService, 'images' | 'imagePulls' | 'pullImage' | 'deleteImage' | 'pruneImages'>;

export const SHARED = 'docker://docker.io/library/shared:1';
/** Of the same image: a name that nobody uses. */
export const ALIAS = 'docker://docker.io/library/alias:1';
export const SPARE = 'docker://docker.io/library/spare:1';
export const SHARED_DIGEST = `sha256:${'a'.repeat(64)}`;
export const SPARE_DIGEST = `sha256:${'b'.repeat(64)}`;

export const storedImage = (digest: string, names: readonly string[]): StoredImage => ({
  ...{ digest, names, manifest: digest, config: digest, pulledAt: 1000, usedAt: 1000 },
  layers: [{ chainId: digest, digest, size: 10 }],
  image: {
    ...{ env: [], entrypoint: [], command: ['/bin/true'], user: '', workingDirectory: '', stopSignal: '' },
    exposedPorts: [],
  },
});

export const IMAGES: readonly StoredImage[] = [
  storedImage(SHARED_DIGEST, [SHARED, ALIAS]),
  storedImage(SPARE_DIGEST, [SPARE]),
];

export const USERS: readonly ImageUser[] = [
  { workload: 'web', tenant: 'acme', image: 'docker://shared:1', digest: SHARED_DIGEST },
  { workload: 'other', tenant: 'globex', image: ALIAS, digest: SHARED_DIGEST },
  { workload: 'plain', tenant: 'globex', image: undefined, digest: undefined },
];

const SIZE = { blobs: 10, layers: 100 };

export function fakeImages(calls: string[]): ImageService {
  const images = new Map(IMAGES.map((image) => [image.digest, image]));
  const named = (name: string): StoredImage | undefined =>
    [...images.values()].find(({ names }) => names.includes(name));
  const users = (digest: string): readonly ImageUser[] => USERS.filter((user) => user.digest === digest);
  const remove = (digest: string, names: readonly string[]): RemovedImages => {
    const image = images.get(digest);
    const left = image?.names.filter((name) => !names.includes(name)) ?? [];
    if (image === undefined || left.length === 0) images.delete(digest);
    else images.set(digest, { ...image, names: left });
    return { images: [{ digest, names }], freed: left.length === 0 ? SIZE.blobs + SIZE.layers : 0 };
  };
  return {
    images: ({ tenants, ...range }) => {
      const seen = seenBy({ tenants }, USERS);
      const found = [...images.values()].filter(
        (image) => tenants === null || seen.some((u) => u.digest === image.digest),
      );
      return inRange(found, ({ digest }) => digest, range).map((image) => viewOf(image, SIZE, seen, { tenants }));
    },
    imagePulls: () => [],
    pullImage: async (name, { policy, tenants, signal }) => {
      calls.push(`pull ${name} ${policy}`);
      signal.throwIfAborted();
      const parsed = parseImage(name);
      if (parsed === undefined) throw new BerthError('invalid_params', `${name} is no name of an image`);
      const canonical = imageName(parsed);
      const image = named(canonical) ?? storedImage(`sha256:${'d'.repeat(64)}`, [canonical]);
      images.set(image.digest, image);
      return viewOf(image, SIZE, seenBy({ tenants }, USERS), { tenants }, canonical);
    },
    deleteImage: async (asked) => {
      calls.push(`delete image ${asked}`);
      const parsed = parseImage(asked);
      const image = parsed === undefined ? images.get(asked) : named(imageName(parsed));
      if (image === undefined) throw noImage(asked);
      const names = parsed === undefined ? image.names : [imageName(parsed)];
      if (names.length === image.names.length && users(image.digest).length > 0)
        throw imageInUse(asked, users(image.digest));
      return remove(image.digest, names);
    },
    pruneImages: async ({ dryRun, tenants }) => {
      calls.push(`prune images${dryRun ? ' dry' : ''}`);
      const idle = [...images.values()].filter(({ digest }) => users(digest).length === 0);
      const freed = idle.length * (SIZE.blobs + SIZE.layers);
      if (!dryRun) for (const { digest, names } of idle) remove(digest, names);
      return { images: tenants === null ? idle.map(({ digest, names }) => ({ digest, names })) : [], freed };
    },
  };
}
