// The mounts that a spec asks for, as the runtime gets them. A source lies beneath a tree that the operator allows, and is held
// open until the container is there: what a tenant puts in its place meanwhile is not mounted.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBeneath } from '../../linux/beneath.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { isWithin, type MountSpec, tmpfsOptions } from '../model/mounts-spec.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Mount } from './containment.js';
import type { Bind } from './crun.js';
import { invalidField } from './files.js';
import type { Volumes } from './volumes.js';

type Mounted = Pick<WorkloadSpec, 'mounts'>;
type Named = Pick<WorkloadSpec, 'mounts' | 'envFile' | 'tenant'>;
const VOLUME_MODE = '0755';

type Kind = 'file' | 'directory';

export interface SpecMounts {
  readonly mounts: readonly Mount[];
  readonly binds: readonly Bind[];
  readonly release: () => Promise<void>;
}

/** Throws `not_permitted` for a source outside of the trees, naming the keys of the configuration that would allow it. */
export function requireMountRoots(spec: Named, roots: readonly string[]): void {
  const { tenant } = spec;
  for (const [field, source] of namedSources(spec)) {
    if (rootOf(source, roots) !== undefined) continue;
    throw new BerthError(
      'not_permitted',
      `${field}: ${source} is in no tree that this node lets tenant "${tenant}" mount`,
      {
        data: { field, path: source, roots },
        hint: `${roots.length === 0 ? 'Have' : `Name a path beneath ${roots.join(', ')}, or have`} the operator add its tree to drivers.mounts or tenant.${tenant}.mounts of this node.`,
      },
    );
  }
}

/** Paths of the host that a spec names, each with its field. */
export function namedSources({ mounts, envFile }: Pick<Named, 'mounts' | 'envFile'>): (readonly [string, string])[] {
  const named = [...mounts.map(({ source }, at) => [fieldOf(at), source] as const), ['envFile', envFile] as const];
  return named.flatMap(([field, source]) => (source === undefined ? [] : [[field, source] as const]));
}

/** What each source is; undefined for a tmpfs. Volumes need not be there yet. Throws `image_missing`, or `invalid_spec` for a link or a device. */
export async function sourceKinds({ mounts }: Mounted, roots: readonly string[]): Promise<(Kind | undefined)[]> {
  const kinds: (Kind | undefined)[] = [];
  for (const [at, { source, type }] of mounts.entries()) {
    if (source === undefined) kinds.push(type === 'volume' ? 'directory' : undefined);
    else {
      const { handle, kind } = await openSource(source, roots, fieldOf(at));
      kinds.push(kind);
      await handle.close();
    }
  }
  return kinds;
}

/** Volumes as binds of their directories, which are made where they are not there. `user`: who gets one that is made. */
export async function withVolumes(
  { mounts, tenant }: Pick<WorkloadSpec, 'mounts' | 'tenant'>,
  volumes: Pick<Volumes, 'make' | 'of'>,
  user: Readonly<Record<'uid' | 'gid', number>>,
): Promise<Mounted> {
  const bound: MountSpec[] = [];
  for (const mount of mounts) {
    const { name, uid = user.uid, gid = user.gid, mode = VOLUME_MODE } = mount;
    if (name === undefined) {
      bound.push(mount);
      continue;
    }
    await volumes.make({ tenant, name }, { uid, gid, mode: Number.parseInt(mode, 8) });
    bound.push({ ...mount, source: join(volumes.of(tenant), name) });
  }
  return { mounts: bound };
}

/** Writes the places of binds below `directory`. Idempotent. */
export async function openMounts(
  { mounts }: Mounted,
  roots: readonly string[],
  directory: string,
): Promise<SpecMounts> {
  const held: Awaited<ReturnType<typeof openSource>>['handle'][] = [];
  const release = async (): Promise<void> => {
    for (const handle of held.splice(0)) await handle.close();
  };
  const places = join(directory, 'mounts');
  const made: Mount[] = [];
  const binds: Bind[] = [];
  try {
    await rm(places, { recursive: true, force: true });
    for (const [at, mount] of mounts.entries()) {
      const { source } = mount;
      if (source === undefined) {
        made.push(tmpfsMount(mount));
        continue;
      }
      const { handle, kind } = await openSource(source, roots, fieldOf(at));
      held.push(handle);
      const place = join(places, String(at));
      await mkdir(kind === 'directory' ? place : places, { recursive: true, mode: 0o700 });
      if (kind === 'file') await writeFile(place, '', { mode: 0o600 });
      binds.push({ source, place, held: `/proc/${process.pid}/fd/${handle.fd}` });
      made.push({ destination: mount.target, type: 'bind', source: place, options: ['bind', ...flagsOf(mount)] });
    }
    return { mounts: made, binds, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** `mounts` in place of those of `usual` at the same place. */
export function withMounts(usual: readonly Mount[], mounts: readonly Mount[]): Mount[] {
  const taken = new Set(mounts.map(({ destination }) => destination));
  return [...usual.filter(({ destination }) => !taken.has(destination)), ...mounts];
}

function tmpfsMount(mount: MountSpec): Mount {
  const options = [...flagsOf(mount), ...tmpfsOptions(mount)];
  return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options };
}

function flagsOf({ readOnly, noexec }: MountSpec): string[] {
  return ['nosuid', 'nodev', ...(readOnly ? ['ro'] : []), ...(noexec ? ['noexec'] : [])];
}

/** What `source` is, held open. The caller closes it. */
export async function openSource(source: string, roots: readonly string[], field: string) {
  const root = rootOf(source, roots);
  // Admission has refused it, unless the operator has taken the tree away since.
  if (root === undefined) throw missing(field, source, 'is in no tree that this node allows to mount');
  try {
    const handle = await openBeneath(root, source.slice(root.length).replace(/^\//, ''));
    const found = await handle.stat();
    if (found.isDirectory()) return { handle, kind: 'directory' as const };
    if (found.isFile()) return { handle, kind: 'file' as const };
    await handle.close();
  } catch (error) {
    if (codeOf(error) === 'ELOOP')
      throw invalidField(field, `${source} leads through a symbolic link: name its target`);
    if (codeOf(error) === 'ENOENT') throw missing(field, source, 'is not there');
    throw missing(field, source, `cannot be opened (${messageOf(error)})`, error);
  }
  throw invalidField(field, `${source} must be a directory or a regular file`);
}

/** The nearest tree. */
export function rootOf(source: string, roots: readonly string[]): string | undefined {
  return roots.filter((root) => isWithin(source, root)).sort((a, b) => b.length - a.length)[0];
}

function fieldOf(at: number): string {
  return `mounts.${at}.source`;
}

function missing(field: string, path: string, problem: string, cause?: unknown): BerthError {
  return new BerthError('image_missing', `${field}: ${path} ${problem}`, { cause, data: { field, path } });
}
