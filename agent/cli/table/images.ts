// Commands about the images of the node.
import type { Command } from '../command.js';
import { dryRun } from './options.js';

const image = {
  name: 'IMAGE',
  about: 'debian:13, docker://HOST/PATH:TAG, oci:/DIR:TAG, oci-archive:/FILE or docker-archive:/FILE',
  many: true,
} as const;

export const IMAGE_COMMANDS: readonly Command[] = [
  {
    path: ['image', 'list'],
    group: 'Images',
    summary: 'List the images of this node with their users',
    details: [
      'One line for each name. SIZE is that of the unpacked layers; images share layers, so the total on disk is smaller than the sum of SIZE. USED names the workloads that use the image, or shows how long ago the last use was. A session with scopes sees the images of its own workloads.',
    ],
    args: [],
    options: [],
    examples: ['berth image list', "berth image list --json | jq '.images[].digest'"],
    load: async () => ({ run: (await import('../run/images.js')).list }),
  },
  {
    path: ['image', 'pull'],
    group: 'Images',
    summary: 'Fetch and unpack images, so that workloads start without waiting',
    details: [
      'Asks the source what the tag means now. A workload that has the image keeps the digest it was started with. If this command is interrupted, the pull ends unless somebody else waits for the same image.',
    ],
    args: [image],
    options: [{ name: 'missing', about: 'fetch only images that this node does not have' }],
    examples: ['berth image pull debian:13', 'berth image pull --missing docker://registry.example.com/team/app:v1'],
    load: async () => ({ run: (await import('../run/images.js')).pull }),
  },
  {
    path: ['image', 'delete'],
    group: 'Images',
    summary: 'Delete images',
    details: [
      'Removes a name from an image; without a name left, berth deletes the image. A digest, or its first 12 digits, stands for all names. berth refuses to delete an image that a workload uses (`image_in_use`). Layers of other images stay.',
    ],
    args: [{ ...image, about: `${image.about}, or a digest` }],
    options: [],
    examples: ['berth image delete debian:12', 'berth image delete 4f2d8e1a9b3c'],
    load: async () => ({ run: (await import('../run/images.js')).remove }),
  },
  {
    path: ['image', 'prune'],
    group: 'Images',
    summary: 'Delete images that no workload uses',
    details: [
      'berth itself deletes what no workload has used for images.keep, and everything unused when the disk has less than images.min_free.',
    ],
    args: [],
    options: [
      {
        name: 'unused-for',
        value: 'DURATION',
        about: 'only those that no workload has used for so long',
        fallback: '24h',
      },
      { name: 'all', about: 'delete every unused image, as --unused-for 0s' },
      dryRun,
    ],
    examples: ['berth image prune --dry-run', 'berth image prune --all', 'berth image prune --unused-for 7d'],
    load: async () => ({ run: (await import('../run/images.js')).prune }),
  },
];
