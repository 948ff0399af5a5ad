// A virtual machine from disk: its VMM has read the state, and the guest waits. That it may run on is durable before it does, so that
// no other start begins from the same state again: there is one guest, and it lives once.

import { isSameProcess } from '../../linux/proc.js';
import type { HeldProcess } from '../../systemd/supervisor/protocol.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Saved } from '../model/snapshot.js';
import type { DriverSet } from './driver-set.js';
import type { Freezable } from './freezing.js';
import type { SnapshotPort } from './ports.js';
import { snapshotsOf } from './saving.js';

export interface ComeBackPorts extends SpentPorts {
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly snapshots: Pick<SnapshotPort, 'directory' | 'remove'>;
}

export interface SpentPorts {
  readonly snapshots: Pick<SnapshotPort, 'remove'>;
}

type Process = Pick<HeldProcess, 'pid' | 'startTime'>;

export interface ComeBack {
  readonly process: Process;
  readonly signal?: AbortSignal;
  readonly also?: Partial<WorkloadRecord>;
}

/** Lets the guest go on, however far an earlier agent came; `also` is durable with it. Throws what the driver does. */
export async function comeBack(
  actor: Freezable,
  ports: ComeBackPorts,
  { process, signal, also = {} }: ComeBack,
): Promise<void> {
  const { record } = actor;
  const { saved, spec } = record;
  if (!saved) return;
  const vm = snapshotsOf(record, ports.drivers);
  const context = {
    ...ports.drivers.context(record),
    snapshot: ports.snapshots.directory(saved.of, saved.name),
    signal,
  };
  if (saved.phase === 'waiting') {
    await vm.loaded(spec, context, () => isSameProcess(process.pid, process.startTime));
    await actor.patch({ saved: { ...saved, phase: 'resuming' } });
  }
  await vm.resume(spec, context);
  await spent(record.id, saved, ports);
  await actor.patch({ saved: null, ...also });
}

/** What the end of a process makes of the snapshot that it wrote or read: one that is waited with stays. */
export async function spentAtEnd({ id, saved }: WorkloadRecord, ports: SpentPorts): Promise<Partial<WorkloadRecord>> {
  if (!saved || saved.phase === 'waiting') return {};
  await spent(id, saved, ports);
  return { saved: null };
}

/** What a snapshot that its own guest has left is worth: nothing, as the guest has another state by now. */
async function spent(id: string, { of, name }: Saved, ports: SpentPorts): Promise<void> {
  if (of === id) await ports.snapshots.remove(of, name);
}
