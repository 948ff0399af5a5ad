// What a sandbox shows of the host's file system: every directory of `/` read-only, but for those that belong to the running
// host. The root itself is a skeleton in the runtime directory, of empty directories and links, shared by all sandboxes.
import { readdir, readlink, realpath, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../linux/errors.js';
import type { WorkloadSpec } from '../../model/spec.js';
import type { Mount } from '../containment.js';
import { invalidField, kindOf } from '../files.js';
import { makeDirectory } from '../modes.js';

/** Each sandbox has its own of these, or an empty directory. /run holds the sockets of the host's services. */
const OWN_DIRECTORIES = ['dev', 'proc', 'run', 'sys', 'tmp'];
const EMPTY_DIRECTORIES = ['boot', 'root'];
const NOT_SHOWN = new Set([...OWN_DIRECTORIES, ...EMPTY_DIRECTORIES, 'lost+found']);
const OWN_TEMPORARY = ['/tmp', '/var/tmp'];

/** Files that only root can read, for a sandbox whose user is root. */
const SECRETS = ['/etc/berth', '/etc/gshadow', '/etc/gshadow-', '/etc/shadow', '/etc/shadow-', '/etc/ssl/private'];

export interface HostRoot {
  readonly mounts: readonly Mount[];
  readonly masked: readonly string[];
}

/**
 * Makes the skeleton at `skeleton` (idempotent) and says what to mount into it. `hidden`: directories of the host that no
 * workload may see. `temporaryBytes`: size of each of its directories for temporary files.
 */
export async function hostRoot(skeleton: string, hidden: readonly string[], temporaryBytes: number): Promise<HostRoot> {
  // For users other than root.
  const directory = (name: string) => makeDirectory(join(skeleton, name), 0o755);
  await directory('');
  const shown: string[] = [];
  const showing = (await readdir('/', { withFileTypes: true })).map(async (entry) => {
    if (NOT_SHOWN.has(entry.name)) return;
    if (entry.isSymbolicLink()) return linkAs(await readlink(`/${entry.name}`), join(skeleton, entry.name));
    if (!entry.isDirectory()) return;
    shown.push(`/${entry.name}`);
    await directory(entry.name);
  });
  await Promise.all([...[...OWN_DIRECTORIES, ...EMPTY_DIRECTORIES].map(directory), ...showing]);
  return {
    mounts: [...shown.sort().map(showReadOnly), ...temporaryMounts(temporaryBytes)],
    masked: [...SECRETS, ...hidden],
  };
}

/** Whether a path of the host, or what it links to, is not seen in a sandbox. `hidden` as for `hostRoot`. */
export async function isOutOfSight(path: string, hidden: readonly string[]): Promise<boolean> {
  const places = [path, await realpath(path)];
  const without = [...[...NOT_SHOWN].map((name) => `/${name}`), ...OWN_TEMPORARY, ...SECRETS, ...hidden];
  return places.some((place) => without.some((top) => place.startsWith(`${top}/`)));
}

/**
 * Throws `invalid_spec` for a target in a directory of the host, where the runtime can make no place for it. `kinds`: what the
 * source of each mount is.
 */
export async function requireTargets(
  { mounts, files, secrets }: Pick<WorkloadSpec, 'mounts' | 'files' | 'secrets'>,
  kinds: readonly ('file' | 'directory' | undefined)[],
): Promise<void> {
  const targets = [
    ...mounts.map(({ target }, at) => [`mounts.${at}.target`, target, kinds[at] ?? 'directory'] as const),
    ...files.map(({ path }, at) => [`files.${at}.path`, path, 'file'] as const),
    ...secrets.map(({ path }, at) => [`secrets.${at}.path`, path, 'file'] as const),
  ];
  for (const [field, target, wanted] of targets) {
    const top = target.split('/')[1] ?? '';
    const isShown = !NOT_SHOWN.has(top) && !isBelow(target, OWN_TEMPORARY) && (await kindOf(`/${top}`)) !== undefined;
    if (!isShown || (await kindOf(target)) === wanted) continue;
    const elsewhere = `a place such as "/data", which the host does not have`;
    throw invalidField(field, `${target} must be a ${wanted} of the host, or ${elsewhere}`);
  }
}

function isBelow(path: string, tops: readonly string[]): boolean {
  return tops.some((top) => path.startsWith(`${top}/`));
}

// `rro`: read-only with all that is mounted below it, in one call (mount_setattr(2)).
function showReadOnly(directory: string): Mount {
  return { destination: directory, type: 'bind', source: directory, options: ['rbind', 'rro', 'nosuid', 'nodev'] };
}

function temporaryMounts(bytes: number): Mount[] {
  const own = (destination: string, ...options: string[]): Mount => {
    return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', ...options] };
  };
  return [
    ...OWN_TEMPORARY.map((path) => own(path, 'mode=1777', `size=${bytes}`)),
    own('/run', 'mode=755', 'size=1048576'),
  ];
}

async function linkAs(target: string, place: string): Promise<void> {
  try {
    await symlink(target, place);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if ((await readlink(place).catch(() => undefined)) === target) return;
    // The host's root was laid out anew. No mount is seen here: those of sandboxes are in their own namespaces.
    await rm(place, { recursive: true });
    await symlink(target, place);
  }
}
