// Between running and frozen. Until the record says so, the audit of limits would take it for somebody else's doing: both
// change while nobody else writes to the cgroup.

import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Layers } from '../limits/layers.js';
import type { WorkloadRecord } from '../model/record.js';

const FREEZE_MS = 30_000;

/** The actor, as far as this needs it. */
export interface Freezable {
  readonly record: WorkloadRecord;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
}

export interface FreezePorts {
  readonly cgroups: Pick<CgroupPort, 'freeze' | 'thaw'>;
  readonly layers: Pick<Layers, 'exclusive'>;
}

/** Resolves when every process of it has stopped, and that is durable. */
export function freeze(actor: Freezable, { cgroups, layers }: FreezePorts): Promise<void> {
  const { id, sandbox } = actor.record;
  return layers.exclusive(id, async () => {
    await cgroups.freeze(sandbox.cgroup, { timeoutMs: FREEZE_MS });
    await actor.patch({ state: 'frozen' });
  });
}

export function thaw(actor: Freezable, { cgroups, layers }: FreezePorts): Promise<void> {
  const { id, sandbox } = actor.record;
  return layers.exclusive(id, async () => {
    await cgroups.thaw(sandbox.cgroup, { timeoutMs: FREEZE_MS });
    await actor.patch({ state: 'running' });
  });
}
