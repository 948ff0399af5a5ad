// Containers through crun, from a bundle or from a bare root filesystem.
import { access, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GrantName } from '../../config/drivers.js';
import type { Config } from '../../config/schema.js';
import type { ImageRoot } from '../../model/image.js';
import { parseImage } from '../../model/image-reference.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { changesNetwork, configText, requireInit, withInit } from '../container.js';
import {
  deleteContainer,
  hasEnded,
  maxFiles,
  type Overlay,
  requireUnshare,
  runCommand,
  stateDirectory,
} from '../crun.js';
import type { Driver, DriverContext } from '../driver.js';
import { enterContainer, parseUser } from '../enter.js';
import { givenEnvironment } from '../env-file.js';
import { DEFAULT_PATH } from '../environment.js';
import { invalidField, requireBinary, requireDirectory, sectionOf } from '../files.js';
import { type ContainerProcess, processOf, requireImage } from '../image-process.js';
import { makeDirectory } from '../modes.js';
import { sourceKinds } from '../mounts.js';
import { type NameFiles, writeNames } from '../names.js';
import { openProvided, type Provided, requireSecrets, type SecretSources } from '../provided.js';
import { unheldLimits } from './bundle-limits.js';
import { adaptBundle, bundleRoot, type OciConfig, readBundle } from './config.js';
import { defaultConfig } from './default.js';

export interface OciOptions {
  /** Name or absolute path of crun. */
  readonly runtime: string;
  /** What the node says of name servers (network.dns). */
  readonly dns: Config['network']['dns'];
  readonly secrets: SecretSources;
}

type Oci = NonNullable<WorkloadSpec['oci']>;

export function ociDriver({ runtime, dns, secrets }: OciOptions): Driver {
  return {
    name: 'oci',
    requires: { program: runtime },
    grants: async (spec) => [
      ...grantsOfRoot(spec),
      ...(spec.network.mode === 'host' ? (['oci.host-network'] as const) : []),
    ],
    async check(spec, { which, mountRoots, live }) {
      const oci = sectionOf(spec, 'oci');
      requireBinary(runtime, which, 'runs containers (drivers.oci.runtime)');
      requireUnshare(which);
      requireMount(which);
      if (spec.init) requireInit(which);
      if (live !== true) {
        await sourceKinds(spec, mountRoots);
        await givenEnvironment(spec, mountRoots);
        await requireSecrets(spec, secrets);
      }
      if (spec.image !== undefined) return;
      if (oci.rootfs !== undefined) {
        await requireDirectory(oci.rootfs, 'oci.rootfs');
        return void (await processOf(spec, undefined));
      }
      refuseOverrides(oci);
      const bundle = oci.bundle ?? '';
      const config = await readBundle(bundle);
      await requireDirectory(bundleRoot(config, bundle), 'oci.bundle');
      refuseUnheld(unheldLimits(config, spec));
    },
    // A bundle says itself what its process may do.
    confinement: async (spec) =>
      sectionOf(spec, 'oci').bundle !== undefined || changesNetwork(spec) ? 'open' : 'closed',
    tap: () => null,
    async prepare(spec, context) {
      const oci = sectionOf(spec, 'oci');
      const { directory, which } = context;
      const binary = requireBinary(runtime, which, 'runs containers (drivers.oci.runtime)');
      const { id } = spec;
      if (await hasEnded(directory, id)) await deleteContainer(binary, directory, id, context);
      const names = await writeNames(spec, context, dns);
      const process = await processOf(spec, context.image);
      const provided = await openProvided(spec, context, secrets, process.user);
      try {
        const overlay =
          spec.image === undefined ? undefined : await overlayOf(oci, requireImage(context.image), directory);
        const config =
          oci.bundle !== undefined
            ? await bundleConfig(oci, context)
            : await rootfsConfig(spec, context, names, process, provided, overlay?.root);
        await writeFile(join(directory, 'config.json'), configText(config), { mode: 0o600 });
        const { binds, memory, release } = provided;
        const unshare = requireUnshare(which);
        return {
          argv: await runCommand({ runtime: binary, unshare, directory, id, binds, overlay, memory }),
          env: { PATH: DEFAULT_PATH },
          cwd: '/',
          pidFile: join(directory, 'pid'),
          joinNetns: false,
          release,
        };
      } catch (error) {
        await provided.release();
        throw error;
      }
    },
    async enter(spec, request, { directory, which, into }) {
      const binary = requireBinary(runtime, which, 'runs containers (drivers.oci.runtime)');
      const container = { runtime: binary, unshare: requireUnshare(which), directory, id: spec.id, into };
      return enterContainer(container, request, request.user === undefined ? undefined : parseUser(request.user));
    },
    async cleanup(spec, context) {
      const { directory, which } = context;
      if (await exists(stateDirectory(directory))) await deleteContainer(which(runtime), directory, spec.id, context);
    },
  };
}

// A field that would be ignored is an error. The default user cannot be told from a given 0:0, and is let pass.
function refuseOverrides(oci: Oci): void {
  const problem = 'does not go with bundle: its config.json says it';
  if (oci.command !== undefined) throw invalidField('oci.command', problem);
  if (Object.keys(oci.env).length > 0) throw invalidField('oci.env', problem);
  const { user = 'root' } = oci;
  if (typeof user === 'string' ? oci.user !== undefined : user.uid !== 0 || user.gid !== 0)
    throw invalidField('oci.user', problem);
  if (oci.readonly) throw invalidField('oci.readonly', problem);
}

/** Of a bundle whose limits would not hold. */
function refuseUnheld(unheld: readonly string[]): void {
  if (unheld.length > 0)
    throw invalidField('oci.bundle', `berth does not carry out these limits of its config.json: ${unheld.join('; ')}`);
}

async function bundleConfig(oci: Oci, { sandbox }: DriverContext): Promise<OciConfig> {
  const bundle = oci.bundle ?? '';
  return adaptBundle(await readBundle(bundle), bundle, sandbox.netns);
}

async function rootfsConfig(
  spec: WorkloadSpec,
  { sandbox, which, mountRoots }: DriverContext,
  names: NameFiles,
  process: ContainerProcess,
  provided: Provided,
  overlay: string | undefined,
): Promise<OciConfig> {
  const oci = sectionOf(spec, 'oci');
  const { argv, mounts } = withInit(spec, process.argv, which);
  const rootfs = overlay ?? (await realpath(oci.rootfs ?? ''));
  return defaultConfig({
    spec,
    oci,
    process,
    rootfs,
    mount: requireMount(which),
    sandbox,
    env: await givenEnvironment(spec, mountRoots),
    argv,
    mounts: [...provided.mounts, ...mounts],
    maxFiles: await maxFiles(),
    names,
  });
}

function grantsOfRoot({ image, oci }: WorkloadSpec): GrantName[] {
  if (image === undefined) return [oci?.rootfs === undefined ? 'oci.bundle' : 'oci.rootfs'];
  return parseImage(image)?.transport === 'docker' ? [] : ['oci.image-files'];
}

/** Its root: a directory of the workload's own, on which the layers are mounted in the container alone. */
async function overlayOf({ writable }: Oci, image: ImageRoot, directory: string): Promise<Overlay> {
  const path = join(directory, 'root');
  await makeDirectory(path, 0o755);
  const memory = writable?.in === 'memory' ? `,size=${writable.size ?? '50%'}` : undefined;
  return { ...image, memory, root: await realpath(path) };
}

function requireMount(which: DriverContext['which']): string {
  return requireBinary('mount', which, 'takes devices away from a root filesystem (package mount)');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
