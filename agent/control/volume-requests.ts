// What the methods about volumes do: a session sees those of its tenants.
import { pageOf, rangeOf } from '../base/pages.js';
import type { EventActor } from '../model/event.js';
import { type VolumeName, volumeKey } from '../model/volume.js';
import { noVolume } from '../workload/volumes.js';
import { type Grant, permits, seeing } from './authorise.js';
import type { Results } from './methods.js';
import type { AgentService } from './service.js';

interface Asking {
  readonly service: Pick<AgentService, 'volumes'>;
  readonly grant: Grant;
  readonly actor: EventActor;
}

interface ListParams {
  readonly tenant?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export async function listVolumes(
  { tenant, ...page }: ListParams,
  { service, grant }: Asking,
): Promise<Results['volume.list']> {
  const found = await service.volumes.list({ sees: seeing(grant, tenant), ...rangeOf(page) });
  const { items, next } = pageOf(found, page, volumeKey);
  return { volumes: items, ...next };
}

/** A volume of another tenant is answered as one that is not there. */
export async function deleteVolume(
  volume: VolumeName,
  { service, grant, actor }: Asking,
): Promise<Results['volume.delete']> {
  if (!permits(grant, volume.tenant)) throw noVolume(volume);
  await service.volumes.delete(volume, actor);
  return { deleted: volume };
}

export async function pruneVolumes(
  { tenant, dryRun }: { readonly tenant?: string | undefined; readonly dryRun: boolean },
  { service, grant, actor }: Asking,
): Promise<Results['volume.prune']> {
  return { volumes: await service.volumes.prune({ sees: seeing(grant, tenant), dryRun, by: actor }) };
}
