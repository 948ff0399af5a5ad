// Mounts, files and secrets of a spec, as the runtime gets them. Files are written to the directory of the workload. A secret never comes
// through the agent: the process that starts the container copies it from the file that is held here into its own memory.
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBeneath } from '../../linux/beneath.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { LARGEST_PAGE } from '../../linux/machine.js';
import { BerthError } from '../../protocol/errors.js';
import { bytesOf, MOST_FILE_BYTES } from '../model/files-spec.js';
import { SECRETS_DIRECTORY } from '../model/secrets-spec.js';
import type { WorkloadSpec } from '../model/spec.js';
import { fileMount, type Mount } from './containment.js';
import type { Copy, Memory } from './crun.js';
import type { DriverContext } from './driver.js';
import { openMounts, type SpecMounts, withVolumes } from './mounts.js';

/** Where the secrets of this node are. */
export interface SecretSources {
  /** DIRECTORY/TENANT/NAME. */
  readonly directory: string;
  /** DIRECTORY/secrets_TENANT_NAME; no tenant has `_` in its name. */
  readonly credentials?: string | undefined;
}

type Secretive = Pick<WorkloadSpec, 'secrets' | 'tenant'>;
type Held = Awaited<ReturnType<typeof openBeneath>>;

type User = Readonly<Record<'uid' | 'gid', number>>;

export interface Provided extends SpecMounts {
  /** Of the secrets; undefined: there are none. */
  readonly memory: Memory | undefined;
}

/** Writes files and places of mounts below the directory of the workload, and holds the rest. Idempotent. */
export async function openProvided(
  spec: Pick<WorkloadSpec, 'mounts' | 'files'> & Secretive,
  { mountRoots, directory, volumes }: Pick<DriverContext, 'mountRoots' | 'directory' | 'volumes'>,
  sources: SecretSources,
  user: User,
): Promise<Provided> {
  const { mounts, binds, release } = await openMounts(
    await withVolumes(spec, volumes, user),
    [...mountRoots, volumes.of(spec.tenant)],
    directory,
  );
  try {
    const files = await provideFiles(spec, directory);
    const secrets = await holdSecrets(spec, sources, directory, user);
    return {
      mounts: [...placesOf(spec), ...mounts, ...files, ...secrets.mounts],
      binds,
      memory: secrets.memory,
      release: async () => {
        await release();
        await secrets.release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The usual directory of secrets is the container's own: no name of one is left in a root filesystem. */
function placesOf({ secrets }: Secretive): Mount[] {
  if (!secrets.some(({ path }) => path.startsWith(`${SECRETS_DIRECTORY}/`))) return [];
  const options = ['nosuid', 'nodev', 'noexec', 'mode=0755', `size=${LARGEST_PAGE}`];
  return [{ destination: SECRETS_DIRECTORY, type: 'tmpfs', source: 'tmpfs', options }];
}

async function provideFiles({ files }: Pick<WorkloadSpec, 'files'>, directory: string): Promise<Mount[]> {
  const places = join(directory, 'files');
  await rm(places, { recursive: true, force: true });
  if (files.length > 0) await mkdir(places, { mode: 0o700 });
  const mounts: Mount[] = [];
  for (const [at, file] of files.entries()) {
    const source = join(places, String(at));
    await writeFile(source, bytesOf(file), { mode: 0o600 });
    await chown(source, file.uid, file.gid);
    await chmod(source, Number.parseInt(file.mode, 8));
    // A file may be a program.
    mounts.push({ destination: file.path, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev'] });
  }
  return mounts;
}

/** Throws `secret_missing` for one that could not be given. */
export async function requireSecrets(spec: Secretive, sources: SecretSources): Promise<void> {
  for (const { name } of spec.secrets) await (await openSecret(name, spec.tenant, sources)).handle.close();
}

async function holdSecrets(spec: Secretive, sources: SecretSources, directory: string, user: User) {
  const held: Held[] = [];
  const release = async (): Promise<void> => {
    for (const handle of held.splice(0)) await handle.close();
  };
  const place = join(directory, 'secrets');
  if (spec.secrets.length > 0) await mkdir(place, { recursive: true, mode: 0o700 });
  const copies: Copy[] = [];
  const mounts: Mount[] = [];
  let bytes = 0;
  try {
    for (const [at, secret] of spec.secrets.entries()) {
      const { handle, size } = await openSecret(secret.name, spec.tenant, sources);
      held.push(handle);
      // A tmpfs counts whole pages.
      bytes += Math.max(1, Math.ceil(size / LARGEST_PAGE)) * LARGEST_PAGE;
      const to = join(place, String(at));
      const owner = `${secret.uid ?? user.uid}:${secret.gid ?? user.gid}`;
      copies.push({ from: `/proc/${process.pid}/fd/${handle.fd}`, to, owner, mode: secret.mode });
      mounts.push(fileMount(secret.path, to));
    }
    return { mounts, memory: copies.length === 0 ? undefined : { place, bytes, copies }, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function openSecret(
  name: string,
  tenant: string,
  { directory, credentials }: SecretSources,
): Promise<{ handle: Held; size: number }> {
  const handle =
    (await openIfThere(directory, `${tenant}/${name}`, name, tenant)) ??
    (credentials === undefined ? undefined : await openIfThere(credentials, `secrets_${tenant}_${name}`, name, tenant));
  if (handle === undefined) throw missing(name, tenant, 'is not on this node');
  const found = await handle.stat();
  if (found.isFile() && found.size <= MOST_FILE_BYTES) return { handle, size: found.size };
  await handle.close();
  throw missing(name, tenant, found.isFile() ? `has more than ${MOST_FILE_BYTES} bytes` : 'is not a regular file');
}

async function openIfThere(root: string, path: string, name: string, tenant: string): Promise<Held | undefined> {
  try {
    return await openBeneath(root, path);
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'ENOENT') return undefined;
    throw missing(name, tenant, code === 'ELOOP' ? 'is a symbolic link' : `cannot be opened (${messageOf(error)})`);
  }
}

function missing(name: string, tenant: string, problem: string): BerthError {
  return new BerthError('secret_missing', `secret "${name}" of tenant "${tenant}" ${problem}`, {
    data: { secret: name, tenant },
  });
}
