// The host goes down. Its service manager would end the workloads last of all, when network and disks are gone, and
// wait 90 s for each container whose first process ignores SIGTERM. So they are ended here, as `stop` would do it.
// No record changes: what should run is started again after the boot.

import type { WorkloadRecord } from '../model/record.js';
import { terminate } from './processes.js';
import { contextOf } from './start.js';
import { driverOf, type World } from './world.js';

const THAW_TIMEOUT_MS = 5000;

/**
 * All at once; resolves when every cgroup is empty or has been killed, and never throws. The actors must be closed:
 * they would take the ends for ends and, by their restart policy, start again. Returns how many there were.
 */
export async function endAll(world: World, records: readonly WorkloadRecord[], graceMs: number): Promise<number> {
  const running = records.filter(({ process }) => process !== null);
  await Promise.all(
    running.map((record) =>
      end(world, record, graceMs).catch((error: unknown) =>
        world.log.warn({ workload: record.id, err: error }, 'could not be ended'),
      ),
    ),
  );
  return running.length;
}

async function end(world: World, record: WorkloadRecord, graceMs: number): Promise<void> {
  const { cgroups } = world;
  const { cgroup } = record.sandbox;
  try {
    if (record.state === 'frozen') await cgroups.thaw(cgroup, { timeoutMs: THAW_TIMEOUT_MS });
    const polite = await driverOf(world, record.spec.driver).stop?.(record.spec, contextOf(record, world));
    if (polite !== true && record.process !== null) terminate(record.process);
    await cgroups.waitEmpty(cgroup, { timeoutMs: graceMs });
  } catch (error) {
    world.log.info({ workload: record.id, err: error }, 'does not end by itself and is killed');
    await cgroups.kill(cgroup);
  }
}
