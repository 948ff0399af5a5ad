// What an image and a spec together say of a process. The spec wins, as with docker.
import { BerthError } from '../../protocol/errors.js';
import type { ImageRoot } from '../model/image.js';
import type { WorkloadSpec } from '../model/spec.js';
import {
  absolute,
  type ContainerUser,
  imageAccounts,
  type NamedUser,
  rootfsAccounts,
  userOf,
} from './container-user.js';
import { invalidField, sectionOf } from './files.js';

export interface ContainerProcess {
  readonly argv: readonly string[];
  /** Of the image alone. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: ContainerUser;
  readonly cwd: string;
  readonly home: string;
}

export function requireImage(image: ImageRoot | undefined): ImageRoot {
  if (image !== undefined) return image;
  throw new BerthError('image_unknown', 'the image of the workload is not on this node any more', {
    hint: 'Start the workload again, which fetches the image: `berth workload start ID`.',
  });
}

const ROOT = { uid: 0, gid: 0 };

/** Of an image, or as the spec alone says. Throws `invalid_spec` where the image names no program, or a user that it does not have. */
export async function processOf(spec: WorkloadSpec, image: ImageRoot | undefined): Promise<ContainerProcess> {
  if (spec.image !== undefined) return imageProcess(spec, requireImage(image));
  const { command = [], rootfs = '', user: asked = ROOT, cwd = '/' } = sectionOf(spec, 'oci');
  const { home, ...user } = await userOf(rootfsAccounts(rootfs), askedUser(asked), spec.groups);
  return { argv: command, env: {}, user, cwd, home };
}

async function imageProcess(spec: WorkloadSpec, root: ImageRoot): Promise<ContainerProcess> {
  const oci = sectionOf(spec, 'oci');
  const { config } = root;
  const command = oci.command ?? (oci.entrypoint === undefined ? config.command : []);
  const argv = [...(oci.entrypoint ?? config.entrypoint), ...command];
  if (argv.length === 0) throw invalidField('oci.command', 'is needed: the image names no program');
  const asked = oci.user === undefined ? ({ text: config.user, field: 'image' } as const) : askedUser(oci.user);
  const { home, ...user } = await userOf(imageAccounts(root), asked, spec.groups);
  return {
    argv,
    env: environmentOf(config.env),
    user,
    cwd: oci.cwd ?? absolute(config.workingDirectory),
    home,
  };
}

function environmentOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts
    .filter((text) => text.includes('='))
    .map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const);
  return Object.fromEntries(pairs.filter(([name, value]) => name !== '' && !`${name}${value}`.includes('\0')));
}

function askedUser(user: string | ContainerUser): NamedUser | ContainerUser {
  return typeof user === 'string' ? { text: user, field: 'oci.user' } : user;
}
