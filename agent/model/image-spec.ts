// What a spec says of an OCI image.
import * as z from 'zod';
import type { Unfit } from './driver-kind.js';
import { MOST_IMAGE_NAME, parseImage } from './image-reference.js';

export const imageText = z
  .string()
  .max(MOST_IMAGE_NAME)
  .refine(
    (text) => parseImage(text) !== undefined,
    'must be docker://[HOST/]PATH[:TAG], oci:/DIR[:TAG], oci-archive:/FILE or docker-archive:/FILE, optionally with @sha256:DIGEST',
  );

export const image = imageText.optional().meta({
  description:
    'the root filesystem of drivers oci, qemu and firecracker, and what is run where oci.command says nothing',
});

export const PULL_POLICIES = ['missing', 'always', 'never'] as const;
export type PullPolicy = (typeof PULL_POLICIES)[number];

export const pull = z.enum(PULL_POLICIES).optional().meta({
  description:
    'missing (default): fetch the image if this node does not have it; always: ask its source for the tag again; never: refuse the workload if the image is not on this node. Later starts use the same digest',
});

/** Drivers that run images. */
export const IMAGE_DRIVERS: readonly string[] = ['oci', 'qemu', 'firecracker'];

interface Imaged {
  readonly driver: string;
  readonly image?: string | undefined;
  readonly pull?: string | undefined;
  readonly oci?:
    | {
        readonly bundle?: string | undefined;
        readonly rootfs?: string | undefined;
        readonly writable?: { readonly in: string } | undefined;
        readonly entrypoint?: unknown;
      }
    | undefined;
}

/** Whether a section may stand beside that of the driver: how the program of an image is run is said in one section for all drivers. */
export function saysOfImage(section: string, { driver, image }: Pick<Imaged, 'driver' | 'image'>): boolean {
  return section === 'oci' && image !== undefined && IMAGE_DRIVERS.includes(driver);
}

/** What does not go together. */
export function unfitImage({ driver, image, pull, oci }: Imaged): Unfit[] {
  const found: Unfit[] = [];
  if (pull !== undefined && image === undefined) found.push({ field: 'pull', problem: 'goes with an image only' });
  if (image !== undefined && !IMAGE_DRIVERS.includes(driver))
    found.push({ field: 'image', problem: `does not go with driver "${driver}"` });
  if (oci === undefined) return found;
  const roots = [image, oci.bundle, oci.rootfs].filter((root) => root !== undefined);
  if (roots.length !== 1)
    found.push({
      field: image === undefined ? 'oci' : 'image',
      problem: 'needs exactly one of image, oci.bundle and oci.rootfs',
    });
  for (const field of ['writable', 'entrypoint'] as const)
    if (oci[field] !== undefined && image === undefined)
      found.push({ field: `oci.${field}`, problem: 'goes with an image only' });
  if (oci.writable?.in === 'disk' && driver !== 'oci')
    found.push({
      field: 'oci.writable.in',
      problem: `must be "memory" with driver "${driver}": a guest keeps it in its memory`,
    });
  return found;
}
