// [images]: which images this node fetches, and how much of it may be held.
import * as z from 'zod';
import { duration, sizeText } from '../base/values/amounts.js';
import { absolutePath } from '../base/values/places.js';
import { REGISTRY_PATTERN } from '../model/image-reference.js';

const file = absolutePath.or(z.literal('')).default('');

export const imagesSchema = z.strictObject({
  registries: z
    .array(
      z
        .string()
        .max(255)
        .regex(REGISTRY_PATTERN, 'must be a host with or without a port, such as "registry.example.com:5000"'),
    )
    .default([])
    .meta({
      description:
        'registries that images may be pulled from, for example "docker.io"; empty: any, except link-local addresses and metadata services',
    }),
  policy: file.meta({
    description: 'path of a policy.json for skopeo: which signatures images need; empty: that of the host',
  }),
  auth_file: file.meta({ description: "credentials of registries, for skopeo; empty: root's auth.json" }),
  registries_conf: file.meta({
    description: "mirrors and insecure registries, for skopeo; empty: the host's registries.conf",
  }),
  concurrent_pulls: z.number().int().min(1).max(32).default(3).meta({ description: 'images fetched at once' }),
  pull_deadline: duration({ least: '1s', most: '24h' })
    .default('15m')
    .meta({ description: 'a pull that takes longer is stopped (`image_pull_failed`)' }),
  max_size: sizeText(4096).default('16Gi').meta({ description: 'of the layers of one image, unpacked' }),
  max_files: z.number().int().min(1).max(100_000_000).default(1_000_000).meta({ description: 'in one layer' }),
  min_free: sizeText().default('1Gi').meta({
    description:
      'free space on the disk of paths.state: no pull begins that would go below it, and below it all images that no workload uses are deleted',
  }),
  keep: duration().default('7d').meta({ description: 'an image that no workload has used for so long is deleted' }),
});
