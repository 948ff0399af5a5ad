// The effects: applying a plan, and taking down what it made. Both may be repeated at any point.
import { rm } from 'node:fs/promises';
import { codeOf } from '../../linux/errors.js';
import { isShieldedFrom } from '../../linux/init-signals.js';
import { isSameProcess } from '../../linux/proc.js';
import type { SandboxNetwork } from '../../netns/types.js';
import { BerthError } from '../errors.js';
import type { TenantGroups } from '../limits/tenants.js';
import { ownerTag, type Step } from './plan.js';
import type { CgroupPort, HolderPort, NetworkPort } from './ports.js';
import type { ProcessRecord, WorkloadRecord } from './record.js';

/** Nothing a kernel kills outlives this, except in uninterruptible sleep on dead storage. */
const KILL_TIMEOUT_MS = 30_000;
const FORGET_MS = 2000;

export interface StepPorts {
  readonly cgroups: CgroupPort;
  readonly network: NetworkPort;
  readonly tenants: Pick<TenantGroups, 'apply'>;
}

/** `signal`: of the start. */
export async function applyStep(
  step: Step,
  { cgroups, network, tenants }: StepPorts,
  signal: AbortSignal,
): Promise<void> {
  switch (step.kind) {
    case 'cgroup':
      await createCgroup(cgroups, step.path);
      await tenants.apply(step.tenant);
      cgroups.tag(step.path, step.owner);
      await cgroups.apply(step.path, step.values, { fresh: !cgroups.populated(step.path) });
      return;
    case 'namespace':
      return network.createIsolated(step.netns, { signal });
    case 'network':
      try {
        await network.create(step.network, undefined, { signal });
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        throw new BerthError('address_in_use', error instanceof Error ? error.message : String(error), {
          cause: error,
        });
      }
  }
}

/** Another workload's end may remove the tenant's cgroup between our two mkdirs. */
async function createCgroup(cgroups: CgroupPort, path: string): Promise<void> {
  try {
    await cgroups.create(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await cgroups.create(path);
  }
}

export interface Dismantling {
  readonly cgroups: CgroupPort;
  readonly network: NetworkPort;
  readonly holder: HolderPort;
  /** The driver's own cleanup, and the directory it wrote into. */
  readonly cleanup: () => Promise<void>;
  readonly directory: string;
  /** The network as it was made; null: it has none, or it is not known any more. */
  readonly made: SandboxNetwork | null;
  /** What ran could not change its namespace: if that is a slot, it may serve another. */
  readonly recycle: boolean;
}

/**
 * Removes all of a workload but its record and output: processes first, and nothing a process might still use before
 * `populated 0`. Resolves when the kernel holds nothing of it; throws at the first thing that cannot go.
 */
export async function dismantle(record: WorkloadRecord, world: Dismantling): Promise<void> {
  const { cgroups, network, holder } = world;
  const { cgroup, netns, hostLink } = record.sandbox;
  await cgroups.kill(cgroup);
  await cgroups.waitEmpty(cgroup, { timeoutMs: KILL_TIMEOUT_MS });
  await world.cleanup();
  // A supervisor that does not answer holds up no end: the next start forgets the exit before it asks for a process.
  await holder.forget(record.id, { deadlineMs: FORGET_MS }).catch((error: unknown) => {
    if (codeOf(error) !== 'ETIMEDOUT') throw error;
  });
  if (netns !== null || hostLink !== null)
    await network.remove({
      ...{ netns, hostLink, owner: ownerTag(record.id) },
      ...{ network: world.made, recycle: world.recycle },
    });
  await cgroups.remove(cgroup);
  await cgroups.removeTenant(record.spec.tenant);
  await rm(world.directory, { recursive: true, force: true });
}

/** pid and start time together name a process; the number alone may have been given to another by now. */
export function terminate(target: ProcessRecord): void {
  if (!isSameProcess(target.pid, target.startTime)) return;
  try {
    // The default action of a signal does not reach the first process of a pid namespace, which most programs count on.
    process.kill(target.pid, isShieldedFrom(target.pid, 'SIGTERM') ? 'SIGKILL' : 'SIGTERM');
  } catch {
    // It ended in between.
  }
}
