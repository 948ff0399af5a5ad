// Between running and frozen. Until the record says so, the audit of limits would take it for somebody else's doing: both
// change while nobody else writes to the cgroup.
import type { WorkloadRecord } from '../model/record.js';
import type { World } from './world.js';

const FREEZE_MS = 30_000;

/** The actor, as far as this needs it. */
export interface Freezable {
  readonly record: WorkloadRecord;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
}

type Kernel = Pick<World, 'cgroups' | 'layers'>;

/** Resolves when every process of it has stopped, and that is durable. */
export function freeze(actor: Freezable, { cgroups, layers }: Kernel): Promise<void> {
  const { id, sandbox } = actor.record;
  return layers.exclusive(id, async () => {
    await cgroups.freeze(sandbox.cgroup, { timeoutMs: FREEZE_MS });
    await actor.patch({ state: 'frozen' });
  });
}

export function thaw(actor: Freezable, { cgroups, layers }: Kernel): Promise<void> {
  const { id, sandbox } = actor.record;
  return layers.exclusive(id, async () => {
    await cgroups.thaw(sandbox.cgroup, { timeoutMs: FREEZE_MS });
    await actor.patch({ state: 'running' });
  });
}
