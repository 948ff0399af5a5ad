// The state of a microVM, to a file and back, as QEMU's migration writes it. QEMU opens no file for it: it sees an empty directory
// and is nobody. It gets descriptors: to write by its monitor (SCM_RIGHTS), to read from the shell that becomes QEMU.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { pause } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import { slowestMs } from '../../model/snapshot.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { cpuIdentity } from '../cpu-identity.js';
import type { DriverContext, VmSnapshots } from '../driver.js';
import { fileIdentity } from '../file-identity.js';
import { requireBinary, sectionOf } from '../files.js';
import { answerOf } from '../loading.js';
import type { Version } from '../program-version.js';
import { kernelOf, qmpSocket, SNAPSHOT_FD } from './arguments.js';
import { connectQmp, type Qmp } from './qmp.js';

const STATE = 'state';
const FD_NAME = 'berth-snapshot';
const LEAST_MS = 60_000;
const QMP_MS = 5000;
/** Without it QEMU holds a migration to 128 MiB/s. */
const UNLIMITED = 2 ** 53;
const FIRST_LOOK_MS = 5;
/** Of a migration, which may take long. */
const MIGRATION_LOOK_MS = 1000;

const migration = z.object({ status: z.string().optional(), 'error-desc': z.string().optional() });
const run = z.object({ status: z.string() });

export interface QemuSnapshotOptions {
  readonly accelFor: (kvmUsable: boolean) => 'kvm' | 'tcg';
  readonly version: (which: DriverContext['which']) => Promise<Version>;
}

/** Words before the command of QEMU, which give it the state to read. */
export function readerOf(snapshot: string, which: DriverContext['which']): string[] {
  const sh = requireBinary('sh', which, 'opens the snapshot for QEMU (package dash)');
  return [sh, '-c', `exec ${SNAPSHOT_FD}<"$1"; shift; exec "$@"`, 'berth-qemu', join(snapshot, STATE)];
}

export function qemuSnapshots({ accelFor, version }: QemuSnapshotOptions): VmSnapshots {
  return {
    problem(spec, live) {
      if (spec.image !== undefined) return 'image: not tried by berth yet';
      const { vsock, hugepages, root } = sectionOf(spec, 'qemu');
      if (vsock) return 'qemu.vsock: the state of vhost-vsock is in the kernel of this host';
      if (hugepages !== undefined) return 'qemu.hugepages: not tried by berth yet';
      if (live && root !== undefined)
        return 'qemu.root: the image changes as the guest goes on, and would not fit to the snapshot any more';
      return undefined;
    },
    async fit(spec, { which, kvmUsable }) {
      const qemu = sectionOf(spec, 'qemu');
      const { initrd, root } = qemu;
      const accel = accelFor(kvmUsable);
      return {
        vmm: `QEMU ${(await version(which)).join('.')}`,
        accel,
        // TCG shows each guest the same processor.
        ...(accel === 'kvm' ? { cpu: await cpuIdentity() } : {}),
        kernel: await fileIdentity(kernelOf(qemu)),
        ...(initrd === undefined ? {} : { initrd: await fileIdentity(initrd) }),
        ...(root === undefined ? {} : { root: await fileIdentity(root) }),
      };
    },
    async save(spec, { directory, signal }, into) {
      const file = await open(join(into, STATE), 'wx', 0o600);
      try {
        await talking(directory, patience(spec), signal, async (qmp) => {
          await qmp.execute('stop');
          await qmp.hand(FD_NAME, file.fd);
          await qmp.execute('migrate-set-parameters', { 'max-bandwidth': UNLIMITED });
          await qmp.execute('migrate', { uri: `fd:${FD_NAME}` });
          await migrated(qmp, signal);
        });
        return [STATE];
      } finally {
        await file.close();
      }
    },
    async loaded(spec, { directory, signal }, alive) {
      const read = async () => {
        const status = await statusOf(directory, signal);
        return status === 'inmigrate' ? undefined : status;
      };
      const status = await answerOf(read, { name: 'QEMU', patienceMs: patience(spec), alive, signal });
      if (status !== 'paused' && status !== 'running')
        throw new BerthError('start_failed', `QEMU did not come back from the snapshot; its status is "${status}"`);
    },
    async resume(_spec, { directory, signal }) {
      await talking(directory, QMP_MS, signal, async (qmp) => {
        // A migration that an agent which died has begun: without one it does nothing.
        await qmp.execute('migrate_cancel');
        await migrationOver(qmp, signal);
        await qmp.execute('cont');
      });
    },
  };
}

function patience(spec: WorkloadSpec): number {
  return LEAST_MS + slowestMs(sectionOf(spec, 'qemu').memory);
}

async function talking<T>(
  directory: string,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  talk: (qmp: Qmp) => Promise<T>,
): Promise<T> {
  const qmp = await connectQmp(qmpSocket(directory), { deadlineMs, signal });
  try {
    return await talk(qmp);
  } finally {
    qmp.close();
  }
}

async function statusOf(directory: string, signal: AbortSignal | undefined): Promise<string> {
  return talking(directory, QMP_MS, signal, async (qmp) => run.parse(await qmp.execute('query-status')).status);
}

async function migrated(qmp: Qmp, signal: AbortSignal | undefined): Promise<void> {
  const { status, 'error-desc': description = 'it does not say why' } = await migrationOver(qmp, signal);
  if (status !== 'completed')
    throw new BerthError('snapshot_failed', `QEMU could not write the snapshot: ${description}`);
}

/** What became of the last migration. */
async function migrationOver(qmp: Qmp, signal: AbortSignal | undefined): Promise<z.output<typeof migration>> {
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(MIGRATION_LOOK_MS, wait * 2)) {
    const answer = migration.parse(await qmp.execute('query-migrate'));
    if (answer.status === undefined || OVER.has(answer.status)) return answer;
    await pause(wait, { signal });
  }
}

const OVER: ReadonlySet<string> = new Set(['none', 'completed', 'failed', 'cancelled']);
