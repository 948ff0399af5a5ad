// From a spec with an image to what a VMM boots: kernel, initrd, and two drives that the guest only reads.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import type { Config } from '../../config/schema.js';
import type { StopSignal } from '../../model/container-spec.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { guestAddress } from '../../network/kernel-ip.js';
import type { CheckContext, DriverContext } from '../driver.js';
import { givenEnvironment } from '../env-file.js';
import { workloadEnvironment } from '../environment.js';
import { requireBinary, requireFile, sectionOf } from '../files.js';
import { processOf, requireImage } from '../image-process.js';
import { hostnameOf, hostsFile, resolvConf } from '../names.js';
import { configurationDrive } from './configuration.js';
import { type GuestInitrds, requireStaticBusybox } from './initrd.js';

export interface ImageBoot {
  readonly kernel: string;
  readonly initrd: string;
  /** The image. */
  readonly disk: string;
  /** What this guest alone is told. */
  readonly settings: string;
}

export interface BootOptions {
  /** As the spec or the node names it, and the field of the spec. */
  readonly kernel: string | undefined;
  readonly field: string;
  readonly initrds: GuestInitrds;
  readonly dns: Config['network']['dns'];
}

/** Of the guest's memory, for what is written over the image, where the spec says nothing. */
const WRITABLE = '50%';

/** Throws `image_missing`, `binary_missing`, `invalid_spec`; has no effect. */
export async function checkImageBoot(
  spec: WorkloadSpec,
  { which, mountRoots, live }: CheckContext,
  { kernel, field }: Pick<BootOptions, 'kernel' | 'field'>,
): Promise<void> {
  await requireFile(requireKernel(kernel, field), field);
  if (live === true) return;
  await requireStaticBusybox(which);
  requireBinary('mksquashfs', which, 'makes a file system of an image for microVMs (package squashfs-tools)');
  await givenEnvironment(spec, mountRoots);
}

/** Writes the second drive into the directory of the workload. */
export async function imageBoot(spec: WorkloadSpec, context: DriverContext, options: BootOptions): Promise<ImageBoot> {
  const { sandbox, directory, mountRoots, warn } = context;
  const image = requireImage(context.image);
  const disk = image.disk;
  if (disk === undefined)
    throw new BerthError(
      'image_unknown',
      'the image of the workload is not on this node as a file system for microVMs',
      {
        hint: 'Start the workload again, which makes it: `berth workload start ID`.',
      },
    );
  const oci = sectionOf(spec, 'oci');
  const kernel = requireKernel(options.kernel, options.field);
  const { argv, env, user, cwd, home } = await processOf(spec, image);
  const given = { ...env, ...(await givenEnvironment(spec, mountRoots)) };
  const settings = join(directory, 'settings.img');
  const drive = configurationDrive({
    ...{ hostname: hostnameOf(spec), ...guestAddress(sandbox), argv, cwd, home },
    user: { additionalGids: [], ...user },
    env: workloadEnvironment(spec, sandbox, given, home),
    writable: String(oci.writable?.size ?? WRITABLE),
    readOnly: oci.readonly || spec.readOnlyRootfs,
    signal: stopSignalOf(spec, context),
    resolvConf: await resolvConf(spec, sandbox, options.dns, warn),
    hosts: hostsFile(hostnameOf(spec), sandbox),
  });
  await writeFile(settings, drive, { mode: 0o600 });
  return { kernel, initrd: await options.initrds.of(kernel, context), disk, settings };
}

export function stopSignalOf(
  { stop }: Pick<WorkloadSpec, 'stop'>,
  { image }: Pick<DriverContext, 'image'>,
): StopSignal {
  return stop.signal ?? image?.stopSignal ?? 'SIGTERM';
}

function requireKernel(kernel: string | undefined, field: string): string {
  if (kernel !== undefined) return kernel;
  throw new BerthError('image_missing', `${field}: neither the spec nor drivers.${field} of this node names a kernel`, {
    hint: `Set drivers.${field} to a kernel for microVMs, such as that of the Debian package linux-image-cloud-amd64.`,
    data: { field },
  });
}
