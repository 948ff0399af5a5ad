// The state of a microVM, to files and back. Firecracker opens them itself, in its jail and as the user of the VM: to write, two
// files in a directory of root that the jail shows from its start; to read, the snapshot's own, which nobody may write to.
import { chmod, chown, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, messageOf } from '../../../linux/errors.js';
import { isOpenForWriting } from '../../../linux/lease.js';
import { BerthError } from '../../../protocol/errors.js';
import { isFull } from '../../base/host-errors.js';
import { namesOfReal } from '../../base/real-directory.js';
import { slowestMs } from '../../model/snapshot.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { cpuIdentity } from '../cpu-identity.js';
import type { DriverContext, VmSnapshots } from '../driver.js';
import { fileIdentity } from '../file-identity.js';
import { sectionOf } from '../files.js';
import { answerOf } from '../loading.js';
import { isBefore, parseVersion, type Version } from '../program-version.js';
import { type ApiRequest, callApi } from './api.js';
import { jailOf, SAVE } from './jail.js';
import { drivesOf, guestMib, type JailFile, ownBoot } from './machine-config.js';

const STATE = 'state';
const MEMORY = 'memory';
const FILES = [STATE, MEMORY] as const;
const LEAST_MS = 60_000;
const API_MS = 5000;
const MIB = 2 ** 20;
/** The first whose API document has `clock_realtime`, of those that were read. */
const SETS_CLOCK: Version = [1, 17];

const instance = z.object({ state: z.string(), vmm_version: z.string() });

export interface FirecrackerSnapshotOptions {
  /** paths.state: on the file system of the snapshots, so that what Firecracker wrote need not be copied. */
  readonly state: string;
  readonly uidFor: (id: string) => number;
  readonly version: (which: DriverContext['which']) => Promise<Version>;
}

/** Where Firecracker writes a snapshot of this workload. */
export function saveDirectory(state: string, id: string): string {
  return join(state, 'firecracker', id);
}

/** Removes what is kept for workloads that are not among `known`: memory of guests, where a power loss came in a save. */
export async function sweepSaves(state: string, known: ReadonlySet<string>): Promise<void> {
  for (const id of await namesOfReal(join(state, 'firecracker')))
    if (!known.has(id)) await rm(saveDirectory(state, id), { recursive: true, force: true });
}

/** Shows the jail what a snapshot is read from. */
export function snapshotFiles(snapshot: string): JailFile[] {
  return FILES.map((name) => ({ host: join(snapshot, name), name, readOnly: true }));
}

/** Shows the jail where a snapshot is written, which is empty. Nothing where the disk is full: a VM starts without it. */
export async function saveFiles(directory: string, warn: DriverContext['warn']): Promise<JailFile[]> {
  try {
    // Its parent is closed to the user of the VM, who sees it in the jail alone, and owns nothing of it.
    await provide(join(directory, '..'), 0o700);
    await provide(directory, 0o755);
  } catch (error) {
    if (!isFull(codeOf(error))) throw error;
    warn(
      `${directory} cannot be made: the disk is full. The microVM starts, and cannot be saved until it is started again`,
    );
    return [];
  }
  // Of a save that a power loss has cut off.
  await clear(directory);
  return [{ host: directory, name: SAVE, readOnly: false }];
}

/** Pure; see VmSnapshots. */
export function snapshotProblem(spec: WorkloadSpec, live: boolean): string | undefined {
  if (spec.image !== undefined) return 'image: not tried by berth yet';
  const firecracker = sectionOf(spec, 'firecracker');
  if (firecracker.hugepages !== undefined)
    return 'firecracker.hugepages: Firecracker restores huge pages by a memory server, which berth does not run';
  const written = drivesOf(firecracker).find(({ drive }) => !drive.readOnly);
  if (live && written !== undefined)
    return `${written.field}: the image changes as the guest goes on, and would not fit to the snapshot any more`;
  return undefined;
}

export function firecrackerSnapshots({ state, uidFor, version }: FirecrackerSnapshotOptions): VmSnapshots {
  return {
    problem: snapshotProblem,
    async fit(spec, { which }) {
      const firecracker = ownBoot(sectionOf(spec, 'firecracker'));
      const { kernel, initrd } = firecracker;
      const drives = drivesOf(firecracker).map(async ({ drive, name }) => [name, await fileIdentity(drive.path)]);
      return {
        vmm: `Firecracker ${(await version(which)).join('.')}`,
        cpu: await cpuIdentity(),
        kernel: await fileIdentity(kernel),
        ...(initrd === undefined ? {} : { initrd: await fileIdentity(initrd) }),
        ...Object.fromEntries(await Promise.all(drives)),
      };
    },
    async save(spec, context, into) {
      const { id } = spec;
      const directory = saveDirectory(state, id);
      const patienceMs = patience(spec);
      await requireSaveDirectory(id, directory);
      await clear(directory);
      await call(context, { method: 'PATCH', path: '/vm', body: { state: 'Paused' } }, patienceMs);
      for (const name of FILES) await hand(join(directory, name), uidFor(id));
      const body = { snapshot_type: 'Full', snapshot_path: inJail(STATE), mem_file_path: inJail(MEMORY) };
      await call(context, { method: 'PUT', path: '/snapshot/create', body }, patienceMs).catch((error: unknown) => {
        if (codeOf(error) !== 'EINVAL') throw error;
        throw new BerthError('snapshot_failed', `Firecracker could not write the snapshot: ${messageOf(error)}`, {
          cause: error,
        });
      });
      for (const name of FILES) await take(join(directory, name), join(into, name));
      const written = (await stat(join(into, MEMORY))).size;
      const memory = guestMib(sectionOf(spec, 'firecracker').memory) * MIB;
      if (written !== memory)
        throw new BerthError(
          'snapshot_failed',
          `Firecracker wrote ${written} bytes of a guest memory of ${memory} bytes`,
        );
      return FILES;
    },
    async loaded(spec, context, alive) {
      const { signal } = context;
      const patienceMs = patience(spec);
      const read = async () => {
        const { state: now, vmm_version: words } = instance.parse(
          await call(context, { method: 'GET', path: '/' }, API_MS),
        );
        if (now === 'Paused' || now === 'Running') return now;
        await load(context, parseVersion(`v${words}`), patienceMs);
        return 'Paused';
      };
      const status = await answerOf(read, { name: 'Firecracker', patienceMs, alive, signal });
      const { mmds } = sectionOf(spec, 'firecracker');
      // A snapshot has no metadata: they are those of whoever comes back, and told before the guest can ask.
      if (status === 'Paused' && mmds !== undefined)
        await call(context, { method: 'PUT', path: '/mmds', body: mmds.metadata }, API_MS);
    },
    async resume(spec, context) {
      // It waits until Firecracker has ended a save that an agent which died has begun.
      await call(context, { method: 'PATCH', path: '/vm', body: { state: 'Resumed' } }, patience(spec));
      await clear(saveDirectory(state, spec.id));
    },
  };
}

type Context = Pick<DriverContext, 'directory' | 'signal'>;

function call({ directory, signal }: Context, request: ApiRequest, deadlineMs: number): Promise<unknown> {
  return callApi(jailOf(directory).apiSocket, request, { deadlineMs, signal });
}

async function load(context: Context, version: Version | undefined, patienceMs: number): Promise<void> {
  const body = {
    snapshot_path: `/${STATE}`,
    mem_backend: { backend_type: 'File', backend_path: `/${MEMORY}` },
    resume_vm: false,
    ...(version !== undefined && !isBefore(version, SETS_CLOCK) && process.arch === 'x64'
      ? { clock_realtime: true }
      : {}),
  };
  await call(context, { method: 'PUT', path: '/snapshot/load', body }, patienceMs).catch((error: unknown) => {
    if (codeOf(error) !== 'EINVAL') throw error;
    throw new BerthError('start_failed', `Firecracker could not read the snapshot: ${messageOf(error)}`, {
      cause: error,
    });
  });
}

function inJail(name: string): string {
  return `/${SAVE}/${name}`;
}

function patience(spec: WorkloadSpec): number {
  return LEAST_MS + slowestMs(sectionOf(spec, 'firecracker').memory);
}

/** Throws `snapshot_unsupported` when the jail has none. */
async function requireSaveDirectory(id: string, directory: string): Promise<void> {
  try {
    await stat(directory);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new BerthError(
      'snapshot_unsupported',
      `workload "${id}" cannot be saved: it was started by an earlier version of berth, or while the disk was full`,
      { hint: `Restart it first: \`berth workload restart ${id}\`.`, data: { id } },
    );
  }
}

/** Not `recursive`, with which Node tells of a full disk as ENOENT. */
async function provide(directory: string, mode: number): Promise<void> {
  await mkdir(directory).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  await chmod(directory, mode);
}

/** What a save that did not come to its end has left. The directory stays: the jail has it. */
async function clear(directory: string): Promise<void> {
  for (const name of await namesOfReal(directory)) await rm(join(directory, name), { recursive: true, force: true });
}

/** An empty file that the user of the VM may write to. */
async function hand(path: string, uid: number): Promise<void> {
  await writeFile(path, '', { flag: 'wx', mode: 0o600 });
  await chown(path, uid, uid);
}

/**
 * From the user of the VM to root. All may read it: that is who comes back, in a jail; on the host only root gets at it. Throws
 * `snapshot_failed` for one that the VM still has open: it could change the snapshot after its digest is known.
 */
async function take(from: string, to: string): Promise<void> {
  await chown(from, 0, 0);
  await chmod(from, 0o444);
  await requireUnwritten(from);
  await rename(from, to);
}

/** Nobody but root can open it for writing by now. */
async function requireUnwritten(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    if (isOpenForWriting(file.fd))
      throw new BerthError('snapshot_failed', `Firecracker still has ${path} open for writing, and could change it`);
  } finally {
    await file.close();
  }
}
