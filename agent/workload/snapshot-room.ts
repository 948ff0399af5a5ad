// Whether there is room for one more snapshot. A state is as large as the memory that the guest has touched, which QEMU does not say before.
import { BerthError } from '../../protocol/errors.js';
import { formatSize, parseSize } from '../base/units.js';
import type { Config } from '../config/schema.js';
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadRecord } from '../model/record.js';
import type { SnapshotPort } from './ports.js';

/** Of one workload, kept while it goes on. */
const MOST_KEPT = 16;

export interface RoomPorts {
  readonly config: Pick<Config, 'images'>;
  readonly snapshots: Pick<SnapshotPort, 'free' | 'list'>;
}

/** Throws `disk_full`, and `invalid_state` for one that has too many. */
export async function requireRoom(
  { id, spec }: Pick<WorkloadRecord, 'id' | 'spec'>,
  { config, snapshots }: RoomPorts,
  live: boolean,
): Promise<void> {
  const kept = snapshots.list().filter((view) => view.workload === id && view.live);
  const first = kept.map(({ name }) => name).sort((a, b) => Number(a) - Number(b))[0];
  if (live && first !== undefined && kept.length >= MOST_KEPT)
    throw new BerthError('invalid_state', `workload "${id}" has ${kept.length} snapshots, the most that are kept`, {
      hint: `Delete one: \`berth workload delete-snapshot ${id} ${first}\`.`,
      data: { id, kept: kept.length },
    });
  const needed = machineOf(spec)?.memory ?? 0;
  const free = await snapshots.free();
  if (free - needed >= (parseSize(config.images.min_free) ?? 0)) return;
  const short = `${formatSize(free)} are free, its memory has ${formatSize(needed)}, and images.min_free is ${config.images.min_free}`;
  throw new BerthError('disk_full', `workload "${id}" was not saved: ${short}`, {
    hint: 'Make room on the disk of paths.state, or lower images.min_free.',
    data: { id, free, needed },
  });
}
