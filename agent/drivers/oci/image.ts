// What an image and a spec together say of a process. The spec wins, as with docker.
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../linux/errors.js';
import { readPlain } from '../../../linux/plain-file.js';
import { getXattr } from '../../../linux/xattr.js';
import { BerthError } from '../../base/errors.js';
import type { ImageRoot } from '../../model/image.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { invalidField, sectionOf } from '../files.js';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

export interface ContainerProcess {
  readonly argv: readonly string[];
  /** Of the image alone. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: ContainerUser;
  readonly cwd: string;
  readonly home: string;
}

/** Of /etc/passwd and /etc/group: they are taken apart at each start. */
const MOST_ACCOUNTS = 128 << 10;

export function requireImage(image: ImageRoot | undefined): ImageRoot {
  if (image !== undefined) return image;
  throw new BerthError('image_unknown', 'the image of the workload is not on this node any more', {
    hint: 'Start the workload again, which fetches the image: `berth workload start ID`.',
  });
}

/** Of an image, or as the spec alone says. Throws `invalid_spec` where the image names no program, or a user that it does not have. */
export async function processOf(spec: WorkloadSpec, image: ImageRoot | undefined): Promise<ContainerProcess> {
  if (spec.image !== undefined) return imageProcess(spec, requireImage(image));
  const { command = [], user = { uid: 0, gid: 0 } } = sectionOf(spec, 'oci');
  return { argv: command, env: {}, user, cwd: '/', home: user.uid === 0 ? '/root' : '/' };
}

async function imageProcess(spec: WorkloadSpec, root: ImageRoot): Promise<ContainerProcess> {
  const oci = sectionOf(spec, 'oci');
  const { config } = root;
  const command = oci.command ?? (oci.entrypoint === undefined ? config.command : []);
  const argv = [...(oci.entrypoint ?? config.entrypoint), ...command];
  if (argv.length === 0) throw invalidField('oci.command', 'is needed: the image names no program');
  const { home, ...user } = await userOf(root, oci.user);
  return {
    argv,
    env: environmentOf(config.env),
    user,
    cwd: absolute(config.workingDirectory),
    home,
  };
}

function environmentOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts
    .filter((text) => text.includes('='))
    .map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const);
  return Object.fromEntries(pairs.filter(([name, value]) => name !== '' && !`${name}${value}`.includes('\0')));
}

function absolute(path: string): string {
  return path.startsWith('/') && !path.includes('\0') ? path : '/';
}

async function userOf(root: ImageRoot, asked: ContainerUser | undefined): Promise<ContainerUser & { home: string }> {
  const [name = '', group] = root.config.user.split(':');
  const passwd = lines(await fileOf(root, 'etc', 'passwd'));
  const homeOf = (uid: number): string =>
    absolute(passwd.find((fields) => Number(fields[2]) === uid)?.[5] ?? (uid === 0 ? '/root' : '/'));
  if (asked !== undefined) return { ...asked, home: homeOf(asked.uid) };
  const account = passwd.find(([user, , uid]) => user === name || (uid === name && name !== ''));
  const uid = name === '' ? 0 : numberOf(account?.[2] ?? name);
  if (uid === undefined)
    throw invalidField('image', `its user "${name}" is not in its /etc/passwd: set oci.user to {"uid": N, "gid": N}`);
  const groups = lines(await fileOf(root, 'etc', 'group'));
  const own = groups.find(([one]) => one === group)?.[2] ?? group;
  const gid = numberOf(own ?? account?.[3] ?? '0');
  if (gid === undefined)
    throw invalidField('image', `its group "${group}" is not in its /etc/group: set oci.user to {"uid": N, "gid": N}`);
  const others = groups.filter((fields) => fields[3]?.split(',').includes(account?.[0] ?? '\0') === true);
  const additionalGids = group === undefined ? others.flatMap((fields) => numberOf(fields[2] ?? '') ?? []) : [];
  return { uid, gid, ...(additionalGids.length === 0 ? {} : { additionalGids }), home: homeOf(uid) };
}

function lines(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1 ? Number(text) : undefined;
}

/** Of the layers, as overlayfs would show it; no link is followed. Empty: there is none. */
async function fileOf({ directory, layers }: ImageRoot, folder: string, name: string): Promise<string> {
  for (const layer of layers) {
    const parent = join(directory, layer, folder);
    const path = join(parent, name);
    const above = await look(parent);
    if (above === undefined) continue;
    if (!above.isDirectory()) return '';
    const found = await look(path);
    if (found !== undefined) return found.isFile() ? await accountsOf(path, name) : '';
    if (getXattr(parent, 'trusted.overlay.opaque') === 'y') return '';
  }
  return '';
}

async function accountsOf(path: string, name: string): Promise<string> {
  try {
    return (await readPlain(path, MOST_ACCOUNTS)).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'EFBIG')
      throw invalidField('image', `its /etc/${name} has more than ${MOST_ACCOUNTS >> 10} KiB, the most that is read`);
    throw error;
  }
}

function look(path: string) {
  return lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}
