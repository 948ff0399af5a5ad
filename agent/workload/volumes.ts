// What sessions may ask of the volumes of this node. A volume that the specification of a workload mounts is in use, whether the workload
// runs or not.
import { BerthError } from '../../protocol/errors.js';
import { inRange } from '../base/pages.js';
import type { Volumes } from '../drivers/volumes.js';
import { actorField, type EventActor, type EventPort } from '../model/event.js';
import type { WorkloadRecord } from '../model/record.js';
import {
  MOST_VOLUME_USERS,
  type VolumeFilter,
  type VolumeName,
  type VolumePrune,
  type VolumeView,
  volumeKey,
} from '../model/volume.js';

export class VolumeAdmin {
  readonly #volumes: Volumes;
  readonly #records: () => Iterable<WorkloadRecord>;
  readonly #events: Pick<EventPort, 'append'>;

  constructor(volumes: Volumes, records: () => Iterable<WorkloadRecord>, events: Pick<EventPort, 'append'>) {
    this.#volumes = volumes;
    this.#records = records;
    this.#events = events;
  }

  async list({ sees, ...range }: VolumeFilter): Promise<readonly VolumeView[]> {
    const users = this.#users();
    return inRange(await this.#volumes.list(sees), volumeKey, range).map((volume) => {
      const all = users.get(volumeKey(volume)) ?? [];
      const more = all.length - MOST_VOLUME_USERS;
      return { ...volume, usedBy: all.slice(0, MOST_VOLUME_USERS), ...(more > 0 ? { moreUsers: more } : {}) };
    });
  }

  /** Throws `volume_unknown`, `volume_in_use`. Resolves when its files are gone. */
  async delete(volume: VolumeName, by?: EventActor): Promise<void> {
    const refuse = (): void => {
      const [first, ...others] = this.#users().get(volumeKey(volume)) ?? [];
      if (first === undefined) return;
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      throw new BerthError('volume_in_use', `volume "${volume.name}" is mounted by workload "${first}"${more}`, {
        data: { ...volume, users: [first, ...others].slice(0, MOST_VOLUME_USERS) },
      });
    };
    if (!(await this.#volumes.remove(volume, refuse))) throw noVolume(volume);
    const { tenant, name } = volume;
    this.#events.append({ type: 'volume.deleted', tenant, data: { name }, ...actorField(by) });
  }

  /** Deletes those that no workload mounts. */
  async prune({ sees, dryRun, by }: VolumePrune): Promise<readonly VolumeName[]> {
    const users = this.#users();
    const idle = (await this.#volumes.list(sees)).filter((volume) => !users.has(volumeKey(volume)));
    const gone: VolumeName[] = [];
    for (const { tenant, name } of idle) {
      // Since then a workload may mount it, or somebody else may have deleted it.
      if (!dryRun && !(await this.delete({ tenant, name }, by).then(() => true, isExpected))) continue;
      gone.push({ tenant, name });
    }
    return gone;
  }

  /** Ids of workloads, in order, by volume. */
  #users(): Map<string, string[]> {
    const users = new Map<string, string[]>();
    for (const { id, spec } of this.#records())
      for (const name of new Set(spec.mounts.flatMap((mount) => mount.name ?? []))) {
        const key = volumeKey({ tenant: spec.tenant, name });
        const others = users.get(key);
        if (others === undefined) users.set(key, [id]);
        else others.push(id);
      }
    for (const ids of users.values()) ids.sort();
    return users;
  }
}

export function noVolume({ tenant, name }: VolumeName): BerthError {
  return new BerthError('volume_unknown', `tenant "${tenant}" has no volume "${name}"`, { data: { tenant, name } });
}

function isExpected(error: unknown): false {
  if (error instanceof BerthError && ['volume_in_use', 'volume_unknown'].includes(error.code)) return false;
  throw error;
}
