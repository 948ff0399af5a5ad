// The effects: applying a plan, and taking down what it made. Both may be repeated at any point.

import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { readTag, writeTag } from '../../cgroups/tag.js';
import { defined } from '../../linux/defined.js';
import { codeOf, messageOf, SysError } from '../../linux/errors.js';
import { CLAIM, type SandboxNetwork } from '../../netns/types.js';
import { BerthError } from '../../protocol/errors.js';
import type { Confinement } from '../drivers/driver.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { WorkloadRecord } from '../model/record.js';
import { type Installation, nameInstallation, ownerTag, parseNamespaceTag, parseTag, whoseIs } from '../model/tags.js';
import type { NetworkPort } from '../network/network-port.js';
import type { Step } from './plan.js';
import type { SupervisorPort } from './ports.js';

const FORGET_MS = 2000;

export interface StepPorts {
  readonly cgroups: Pick<CgroupPort, 'apply' | 'create' | 'populated' | 'readTag' | 'tag'>;
  readonly network: Pick<NetworkPort, 'create' | 'createIsolated'>;
  readonly tenants: Pick<TenantGroups, 'apply'>;
  readonly installation: Installation;
}

/** `signal`: of the start. */
export async function applyStep(step: Step, ports: StepPorts, signal: AbortSignal): Promise<void> {
  const { cgroups, network, tenants, installation } = ports;
  switch (step.kind) {
    case 'cgroup':
      refuseForeign('cgroup', step.path, cgroups.readTag(step.path), installation);
      await createCgroup(cgroups, step.path);
      await tenants.apply(step.tenant);
      cgroups.tag(step.path, step.owner);
      await cgroups.apply(step.path, step.values, { fresh: !cgroups.populated(step.path) });
      return;
    case 'namespace':
      try {
        return await network.createIsolated(step.netns, { signal });
      } catch (error) {
        throw claimed(error, installation) ?? error;
      }
    case 'network':
      try {
        await network.create(step.network, undefined, { signal });
      } catch (error) {
        const foreign = claimed(error, installation);
        if (foreign !== undefined) throw foreign;
        if (codeOf(error) !== 'EEXIST') throw error;
        throw new BerthError('address_in_use', messageOf(error), {
          cause: error,
        });
      }
  }
}

/** The directory of a workload in the run directory, which is in memory, with its tag where the file system keeps one. */
export function provideDirectory(
  directory: string,
  id: string,
  { installation }: Pick<StepPorts, 'installation'>,
): void {
  refuseForeign('directory', directory, readTag(directory), installation);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  tagDirectory(directory, ownerTag(installation.id, id));
}

/** A file system without extended attributes keeps no tag, and a directory that is gone needs none. */
export function tagDirectory(directory: string, tag: string): void {
  try {
    writeTag(directory, tag);
  } catch (error) {
    if (!['ENOENT', 'EOPNOTSUPP', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  }
}

function isForeign(tag: string | undefined, installation: string): boolean {
  return whoseIs(parseTag(tag)?.installation ?? null, installation) === 'another';
}

function refuseForeign(kind: string, name: string, tag: string | undefined, installation: Installation): void {
  if (isForeign(tag, installation.id)) throw ofAnother(kind, name, parseTag(tag)?.installation ?? null, installation);
}

/** Of an error that says that another installation has the namespace of this name. */
function claimed(error: unknown, installation: Installation): BerthError | undefined {
  if (!(error instanceof SysError) || error.op !== CLAIM) return undefined;
  return ofAnother('network namespace', error.path ?? '', parseNamespaceTag(error.value ?? null), installation, error);
}

function ofAnother(
  kind: string,
  name: string,
  owner: string | null,
  installation: Installation,
  cause?: unknown,
): BerthError {
  const whose = nameInstallation(owner, installation.others());
  return new BerthError('owned_by_another', `the ${kind} ${name} belongs to ${whose}`, {
    data: { kind, name, installation: owner },
    ...defined({ cause }),
  });
}

/** Another workload's end may remove the tenant's cgroup between our two mkdirs. */
async function createCgroup(cgroups: Pick<CgroupPort, 'create'>, path: string): Promise<void> {
  try {
    await cgroups.create(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await cgroups.create(path);
  }
}

export interface Dismantling {
  readonly cgroups: Pick<CgroupPort, 'readTag' | 'remove' | 'removeTenant'>;
  readonly network: Pick<NetworkPort, 'remove'>;
  readonly supervisor: Pick<SupervisorPort, 'forget'>;
  /** Its id: what another one has tagged stays as it is. */
  readonly installation: string;
  /** The driver's own cleanup, and the directory it wrote into. */
  readonly cleanup: () => Promise<void>;
  readonly directory: string;
  /** The network as it was made; null: it has none, or it is not known any more. */
  readonly made: SandboxNetwork | null;
  /** The namespace is a slot, which may serve another if nothing could change it. */
  readonly slot: boolean;
  readonly confinement: Confinement;
  /** Ends all of its processes. */
  readonly end: () => Promise<void>;
}

/**
 * Removes all of a workload but its record and output: processes first, and nothing a process might still use before
 * `populated 0`. Resolves when the kernel holds nothing of it; throws at the first thing that cannot go.
 */
export async function dismantle(record: WorkloadRecord, world: Dismantling): Promise<void> {
  const { cgroups, network, supervisor, installation } = world;
  const { cgroup, netns, hostLink } = record.sandbox;
  const isOwn = !isForeign(cgroups.readTag(cgroup), installation);
  if (isOwn) await world.end();
  await world.cleanup();
  // A supervisor that does not answer holds up no end: the next start forgets the exit before it asks for a process.
  await supervisor.forget(record.id, { deadlineMs: FORGET_MS }).catch((error: unknown) => {
    if (codeOf(error) !== 'ETIMEDOUT') throw error;
  });
  if (netns !== null || hostLink !== null)
    await network.remove({
      ...{ netns, hostLink, owner: ownerTag(installation, record.id) },
      ...{ network: world.made, recycle: world.slot && world.confinement === 'closed' },
    });
  if (isOwn) {
    await cgroups.remove(cgroup);
    await cgroups.removeTenant(record.spec.tenant);
  }
  if (!isForeign(readTag(world.directory), installation)) await rm(world.directory, { recursive: true, force: true });
}
