// Who a container runs as, by name or number. Names are those of /etc/passwd and /etc/group of its own root filesystem, of which
// no link is followed.
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { openBeneath } from '../../linux/beneath.js';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { getXattr } from '../../linux/xattr.js';
import type { ImageRoot } from '../model/image.js';
import { groupNumbers } from './accounts.js';
import { invalidField } from './files.js';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

/** The files of one root filesystem. */
export interface Accounts {
  /** Empty: there is no such file. */
  readonly read: (name: 'passwd' | 'group') => Promise<string>;
  /** The field that names the root filesystem. */
  readonly field: 'image' | 'oci.rootfs';
}

/** A user in words, and the field that has them. */
export interface NamedUser {
  /** `NAME`, `UID`, `NAME:GROUP` or `UID:GID`; empty: root. */
  readonly text: string;
  readonly field: 'image' | 'oci.user';
}

type Found = ContainerUser & { readonly home: string };

/** Each is taken apart at each start. */
const MOST_ACCOUNTS = 128 << 10;

/** `groups`: beside those that the root filesystem gives to the user. Throws `invalid_spec` for a name that is not there. */
export async function userOf(
  accounts: Accounts,
  asked: NamedUser | ContainerUser,
  groups: readonly (string | number)[],
): Promise<Found> {
  const passwd = lines(await accounts.read('passwd'));
  const group = lines(await accounts.read('group'));
  const { additionalGids = [], ...found } = 'text' in asked ? named(asked, passwd, group) : asked;
  const known = group.flatMap(([name = '', , gid = '']) =>
    numberOf(gid) === undefined ? [] : [{ name, gid: Number(gid) }],
  );
  const more = [...new Set([...additionalGids, ...groupNumbers(groups, known, accounts.field)])];
  const home = passwd.find((fields) => Number(fields[2]) === found.uid)?.[5] ?? (found.uid === 0 ? '/root' : '/');
  return { ...found, ...(more.length === 0 ? {} : { additionalGids: more }), home: absolute(home) };
}

function named({ text, field }: NamedUser, passwd: string[][], groups: string[][]): ContainerUser {
  const [name = '', group] = text.split(':');
  const account = passwd.find(([user, , uid]) => user === name || (uid === name && name !== ''));
  const uid = name === '' ? 0 : numberOf(account?.[2] ?? name);
  if (uid === undefined) throw unknown(field, 'user', name, '/etc/passwd');
  const own = groups.find(([one]) => one === group)?.[2] ?? group;
  const gid = numberOf(own ?? account?.[3] ?? '0');
  if (gid === undefined) throw unknown(field, 'group', group ?? '', '/etc/group');
  const others = groups.filter((fields) => fields[3]?.split(',').includes(account?.[0] ?? '\0') === true);
  return {
    uid,
    gid,
    additionalGids: group === undefined ? others.flatMap(([, , other = '']) => numberOf(other) ?? []) : [],
  };
}

function unknown(field: NamedUser['field'], what: string, name: string, file: string) {
  return field === 'image'
    ? invalidField(field, `its ${what} "${name}" is not in its ${file}: set oci.user to {"uid": N, "gid": N}`)
    : invalidField(
        field,
        `there is no ${what} "${name}" in ${file} of the container: name another one, or give numbers`,
      );
}

/** Those of an image, as overlayfs would show them. */
export function imageAccounts(root: ImageRoot): Accounts {
  return { field: 'image', read: (name) => ofLayers(root, name) };
}

/** Those of a root filesystem. */
export function rootfsAccounts(rootfs: string): Accounts {
  return { field: 'oci.rootfs', read: (name) => beneath(rootfs, name) };
}

async function ofLayers({ directory, layers }: ImageRoot, name: string): Promise<string> {
  for (const layer of layers) {
    const parent = join(directory, layer, 'etc');
    const path = join(parent, name);
    const above = await look(parent);
    if (above === undefined) continue;
    if (!above.isDirectory()) return '';
    const found = await look(path);
    if (found !== undefined) return found.isFile() ? await bounded(path, 'image', name) : '';
    if (getXattr(parent, 'trusted.overlay.opaque') === 'y') return '';
  }
  return '';
}

async function beneath(rootfs: string, name: string): Promise<string> {
  try {
    const handle = await openBeneath(rootfs, `etc/${name}`);
    try {
      return (await handle.stat()).isFile() ? await bounded(`/proc/self/fd/${handle.fd}`, 'oci.rootfs', name) : '';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return '';
    throw error;
  }
}

async function bounded(path: string, field: Accounts['field'], name: string): Promise<string> {
  try {
    return (await readPlain(path, MOST_ACCOUNTS)).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'EFBIG')
      throw invalidField(field, `its /etc/${name} has more than ${MOST_ACCOUNTS >> 10} KiB, the most that is read`);
    throw error;
  }
}

function look(path: string) {
  return lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

function lines(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1 ? Number(text) : undefined;
}

/** As a path of an image may be anything. */
export function absolute(path: string): string {
  return path.startsWith('/') && !path.includes('\0') ? path : '/';
}
