// microVMs of Firecracker: a kernel, an initrd or raw images, and a tap, in the jail that its jailer makes.
import { createHash } from 'node:crypto';
import { chmod, chown, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../linux/errors.js';
import { BerthError } from '../../../protocol/errors.js';
import type { GrantName, UidRange } from '../../config/drivers.js';
import type { Config } from '../../config/schema.js';
import { parseImage, registryOf } from '../../model/image-reference.js';
import { templateOf } from '../../model/snapshot.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { hasAddress } from '../../network/attachment.js';
import { resolverFor } from '../../network/dns.js';
import type { Driver, DriverContext } from '../driver.js';
import { DEFAULT_PATH } from '../environment.js';
import { requireBinary, requireFile, sectionOf } from '../files.js';
import { checkImageBoot, imageBoot } from '../guest/boot.js';
import { GuestInitrds } from '../guest/initrd.js';
import { imageGuestEnd, programExit } from '../guest/last-words.js';
import { chargedMemory, requireHugePages } from '../huge-pages.js';
import { writeWithMode } from '../modes.js';
import { type Version, versionReader } from '../program-version.js';
import { claimUid, releaseUid } from '../uids.js';
import { callApi } from './api.js';
import { explainEnd } from './ends.js';
import { holdFiles } from './held.js';
import { jailOf, launchCommand } from './jail.js';
import { giveBack, lend } from './lent.js';
import {
  type Bootable,
  bootFiles,
  driveFiles,
  drivesOf,
  type Firecracker,
  guestMib,
  hasBalloon,
  machineConfig,
  ownBoot,
  withImage,
} from './machine-config.js';
import { ownMemory } from './own-memory.js';
import {
  firecrackerSnapshots,
  saveDirectory,
  saveFiles,
  snapshotFiles,
  snapshotProblem,
  sweepSaves,
} from './snapshots.js';
import { vcpuThreads } from './vcpus.js';
import { requireVersion, unknownVersion } from './version.js';

export interface FirecrackerOptions {
  /** Names or absolute paths. */
  readonly binary: string;
  readonly jailer: string;
  /** Memory of Firecracker itself and of its jail, beside the guest's. */
  readonly overheadBytes: number;
  readonly uids: UidRange;
  /** What the node says of name servers (network.dns). */
  readonly dns: Config['network']['dns'];
  /** paths.runtime, in which the uids in use stand. */
  readonly runtime: string;
  /** paths.state, in which it writes snapshots. */
  readonly state: string;
  /** Of guests with an image whose spec names none. */
  readonly kernel?: string | undefined;
  /** Of all drivers together; absent: its own. */
  readonly initrds?: GuestInitrds;
  /** Default: the real path of a program, and what it says itself. */
  readonly identify?: (binary: string) => Promise<Program>;
}

export interface Program {
  readonly path: string;
  readonly version: Version;
}

const API_MS = 2000;
const MIB = 2 ** 20;
/** What somebody else may do, and the owner. */
const READ_BY_ALL = 0o004;
const WRITTEN_BY_OWNER = 0o600;

export function firecrackerDriver(options: FirecrackerOptions): Driver {
  const { overheadBytes, uids, dns, runtime, state, initrds = new GuestInitrds(join(runtime, 'guests')) } = options;
  const claims = join(runtime, 'uids');
  const versionOf = versionReader();
  const identify =
    options.identify ??
    (async (binary: string) => {
      const path = await realpath(binary);
      return { path, version: await versionOf(path) };
    });
  const programs = (which: DriverContext['which']) => ({
    unshare: requireBinary('unshare', which, 'separates the mounts of a jail (package util-linux)'),
    sh: requireBinary('sh', which, 'makes the jail (package dash)'),
    setpriv: requireBinary('setpriv', which, 'takes privileges away (package util-linux)'),
    jailer: requireBinary(options.jailer, which, 'jails Firecracker (drivers.firecracker.jailer)'),
    firecracker: requireBinary(options.binary, which, 'runs microVMs (drivers.firecracker.binary)'),
  });
  const uidFor = (id: string) => uidOf(id, uids);
  const imageOptions = (spec: WorkloadSpec) => ({
    ...{ kernel: sectionOf(spec, 'firecracker').kernel ?? options.kernel, field: 'firecracker.kernel' },
    ...{ initrds, dns },
  });
  /** With the files that the guest boots from. */
  const bootable = async (spec: WorkloadSpec, context: DriverContext) => {
    const firecracker = sectionOf(spec, 'firecracker');
    if (spec.image === undefined) return ownBoot(firecracker);
    const boot = await imageBoot(spec, context, imageOptions(spec));
    await chown(boot.settings, uidFor(spec.id), uidFor(spec.id));
    // One that an earlier agent made may be for root alone.
    await chmod(boot.disk, 0o644);
    return withImage(firecracker, boot);
  };
  /** Writes the configuration of a guest that boots. */
  const bootOf = async (spec: WorkloadSpec, firecracker: Bootable, { directory, sandbox }: DriverContext) => {
    const { servers } = await resolverFor(spec, sandbox, dns);
    const metadata = firecracker.mmds && { 'metadata.json': firecracker.mmds.metadata };
    const ours = {
      'config.json': machineConfig({ id: spec.id, firecracker, image: spec.image !== undefined, sandbox, servers }),
      ...metadata,
    };
    for (const [name, content] of Object.entries(ours))
      await writeWithMode(join(directory, name), JSON.stringify(content), 0o644);
    const files = Object.keys(ours).map((name) => ({ host: join(directory, name), name, readOnly: true }));
    const begins = metadata === undefined ? ('boot' as const) : ('boot with metadata' as const);
    return { files: [...files, ...bootFiles(firecracker)], begins };
  };

  return {
    name: 'firecracker',
    requires: { program: options.binary, kvm: 'needed' },
    grants: async (spec) => grantsOf(spec),
    async check(spec, context) {
      const { which, kvmUsable, kvmReason, live = false } = context;
      const firecracker = sectionOf(spec, 'firecracker');
      const { version } = await identify(programs(which).firecracker);
      requireVersion(version, firecracker);
      if (!kvmUsable) throw withoutKvm(kvmReason);
      if (spec.image !== undefined) await checkImageBoot(spec, context, imageOptions(spec));
      const { kernel } = imageOptions(spec);
      if (kernel !== undefined) await requireImages({ ...firecracker, kernel }, live);
      if (!live) requireHugePages(firecracker, 'firecracker.hugepages');
    },
    confinement: async () => 'closed',
    tap: (spec) =>
      hasAddress(spec.network)
        ? { name: 'tap0', uid: uidFor(spec.id), multiQueue: false, vnetHeader: true, guestAddress: null }
        : null,
    async prepare(spec, context) {
      const { directory, sandbox, which, warn, snapshot } = context;
      const { id } = spec;
      const found = programs(which);
      const program = await identify(found.firecracker);
      requireVersion(program.version, sectionOf(spec, 'firecracker'));
      const unknown = unknownVersion(program.version);
      if (unknown !== undefined) warn(unknown);
      requireHugePages(sectionOf(spec, 'firecracker'), 'firecracker.hugepages');
      const firecracker = await bootable(spec, context);
      const wanted = uidFor(id);
      const uid = await claimUid(id, directory, claims, { first: wanted, last: wanted }, 'drivers.firecracker.uids');
      const { held, written, release } = await holdFiles(sectionOf(spec, 'firecracker'));
      try {
        for (const drive of written) lend(drive, { id, uid, claims });
        const boot = snapshot === undefined ? await bootOf(spec, firecracker, context) : undefined;
        const canBeSaved = snapshotProblem(spec, false) === undefined && templateOf(spec) === undefined;
        const jail = jailOf(directory);
        return {
          argv: launchCommand({
            ...{ jail, uid, held, programs: { ...found, firecracker: program.path } },
            files: [
              ...(boot?.files ?? []),
              ...driveFiles(firecracker),
              ...(snapshot === undefined ? [] : snapshotFiles(snapshot)),
              ...(canBeSaved ? await saveFiles(saveDirectory(state, id), warn) : []),
            ],
            largestFile: await largestFile(firecracker, canBeSaved),
            begins: boot?.begins ?? 'snapshot',
          }),
          env: { PATH: DEFAULT_PATH },
          cwd: '/',
          pidFile: jail.pidFile,
          joinNetns: sandbox.netns !== null,
          release,
        };
      } catch (error) {
        await release();
        throw error;
      }
    },
    // The first process of a pid namespace does not hear SIGTERM, the caller's other way.
    async stop(_spec, context) {
      const { signal, warn } = context;
      try {
        const { apiSocket } = jailOf(context.directory);
        const body = { action_type: 'SendCtrlAltDel' };
        await callApi(apiSocket, { method: 'PUT', path: '/actions', body }, { deadlineMs: API_MS, signal });
        return true;
      } catch (error) {
        if (codeOf(error) === 'ETIMEDOUT') warn(`Firecracker does not answer within ${API_MS} ms; it will be killed`);
        return false;
      }
    },
    // The mounts ended with the process. The jail lies in `directory`, without anything of the host's in it.
    async cleanup(spec, { directory }) {
      for (const { drive } of drivesOf(sectionOf(spec, 'firecracker'))) await giveBack(drive.path, spec.id);
      await releaseUid(spec.id, directory, claims);
      await rm(join(directory, 'jail'), { recursive: true, force: true });
      await rm(saveDirectory(state, spec.id), { recursive: true, force: true });
    },
    sweep: (known) => sweepSaves(state, known),
    vm: {
      overhead: () => overheadBytes,
      charged: (spec) => chargedMemory(sectionOf(spec, 'firecracker')) + overheadBytes,
      ownMemory: (spec, mappings) => ownMemory(sectionOf(spec, 'firecracker').memory, mappings),
      vcpuThreads: (spec, { pid }) => vcpuThreads(pid, sectionOf(spec, 'firecracker').vcpus),
      // Firecracker takes the size of the balloon itself.
      async balloon(spec, context, bytes) {
        const { memory } = sectionOf(spec, 'firecracker');
        if (!hasBalloon(sectionOf(spec, 'firecracker'))) throw noBalloon();
        const { apiSocket } = jailOf(context.directory);
        const body = { amount_mib: Math.floor(Math.max(0, Math.min(bytes, memory - MIB)) / MIB) };
        const { signal } = context;
        await callApi(apiSocket, { method: 'PATCH', path: '/balloon', body }, { deadlineMs: API_MS, signal });
      },
      exitCode: (spec, tail) => (spec.image === undefined ? undefined : programExit(tail)),
      explainEnd: (spec, tail, { code }) =>
        (spec.image === undefined ? undefined : imageGuestEnd(tail, code)) ?? explainEnd(tail, code),
      snapshots: firecrackerSnapshots({
        ...{ state, uidFor },
        version: async (which) => (await identify(programs(which).firecracker)).version,
      }),
    },
  };
}

/** The same for the same id, for ever: the tap is made before the uid is claimed. */
export function uidOf(id: string, { first, last }: UidRange): number {
  const hash = createHash('sha256').update(`berth-firecracker:${id}`).digest().readUInt32BE(0);
  return first + (hash % (last - first + 1));
}

function grantsOf({ image, firecracker }: WorkloadSpec): GrantName[] {
  const reference = image === undefined ? undefined : parseImage(image);
  const isFiles = reference !== undefined && registryOf(reference) === undefined;
  return [
    ...(image === undefined || firecracker?.kernel !== undefined ? (['firecracker.files'] as const) : []),
    ...(isFiles ? (['firecracker.image-files'] as const) : []),
  ];
}

/** The user of the VM opens them, not root. */
async function requireImages(firecracker: Bootable, live: boolean): Promise<void> {
  const { kernel, initrd } = firecracker;
  const forAll = [
    { path: kernel, field: 'firecracker.kernel' },
    ...(initrd === undefined ? [] : [{ path: initrd, field: 'firecracker.initrd' }]),
  ];
  const drives = drivesOf(firecracker).map(({ drive, field }) => ({ ...drive, field: `${field}.path` }));
  for (const { path, field } of [...forAll, ...drives]) await requireFile(path, field);
  if (live) return;
  for (const { path, field } of [...forAll, ...drives.filter(({ readOnly }) => readOnly)])
    await requireMode(path, field, READ_BY_ALL, 'cannot be read by the user of the microVM: run `chmod o+r` on it');
  for (const { path, field } of drives.filter(({ readOnly }) => !readOnly))
    await requireMode(path, field, WRITTEN_BY_OWNER, 'cannot be written to by its owner: run `chmod u+rw` on it');
}

async function requireMode(path: string, field: string, bits: number, problem: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & bits) === bits) return;
  throw new BerthError('image_missing', `${field}: ${path} ${problem}`, { data: { field, path } });
}

/** Of those that it may write to: images, which keep their size, and its memory where it can be saved. */
async function largestFile(firecracker: Firecracker, canBeSaved: boolean): Promise<number> {
  const images = drivesOf(firecracker).filter(({ drive }) => !drive.readOnly);
  const sizes = await Promise.all(images.map(async ({ drive }) => (await stat(drive.path)).size));
  return Math.max(canBeSaved ? guestMib(firecracker.memory) * MIB : MIB, ...sizes);
}

function withoutKvm(reason = 'KVM was not probed'): BerthError {
  return new BerthError(
    'device_missing',
    `driver "firecracker" needs KVM, which is not usable on this host: ${reason}`,
    {
      data: { device: '/dev/kvm' },
    },
  );
}

function noBalloon(): BerthError {
  return new BerthError('invalid_state', 'a guest in huge pages has no balloon');
}
