// The host goes down. Its service manager would end the workloads last of all, when network and disks are gone, and
// wait 90 s for each container whose first process ignores SIGTERM. So they are ended here, as `stop` would do it.
// No record changes: what should run is started again after the boot.

import { parseDuration } from '../base/units.js';
import type { WorkloadRecord } from '../model/record.js';
import { inDrainStages } from './drain-order.js';
import { graceOf, terminate } from './processes.js';
import { stopSignalOf } from './start.js';
import type { World } from './world.js';

const THAW_TIMEOUT_MS = 5000;
/** As long as systemd waits for a service. */
const MOST_GRACE_MS = 90_000;

/**
 * Class by class as in a drain, those of a class at once; resolves when every cgroup is empty or has been killed, and never
 * throws. The actors must be closed: they would take the ends for ends and, by their restart policy, start again. Returns
 * how many there were.
 */
export async function endAll(world: World, records: readonly WorkloadRecord[]): Promise<number> {
  const running = records.filter(({ process }) => process !== null);
  for (const stage of inDrainStages(running))
    await Promise.all(
      stage.map((record) =>
        end(world, record).catch((error: unknown) =>
          world.log.warn({ workload: record.id, err: error }, 'could not be ended'),
        ),
      ),
    );
  return running.length;
}

/** Milliseconds that the shutdown of the host may take for these, class after class. */
export function shutdownGrace(world: Pick<World, 'config'>, records: readonly WorkloadRecord[]): number {
  const running = records.filter(({ process }) => process !== null);
  return inDrainStages(running).reduce((sum, stage) => sum + stageGrace(world, stage), 0);
}

/** What one asks for beyond this holds up nobody. */
function stageGrace(world: Pick<World, 'config'>, records: readonly WorkloadRecord[]): number {
  const usual = parseDuration(world.config.lifecycle.stop_grace) ?? 10_000;
  const asked = records.map((record) => graceOf(record, world.config));
  return Math.min(
    asked.reduce((most, one) => Math.max(most, one), usual),
    Math.max(usual, MOST_GRACE_MS),
  );
}

async function end(world: World, record: WorkloadRecord): Promise<void> {
  const { cgroups } = world;
  const { cgroup } = record.sandbox;
  try {
    if (record.state === 'frozen') await cgroups.thaw(cgroup, { timeoutMs: THAW_TIMEOUT_MS });
    const polite = await world.drivers.of(record.spec.driver).stop?.(record.spec, world.drivers.context(record));
    if (polite !== true && record.process !== null) terminate(record.process, stopSignalOf(record, world));
    await cgroups.waitEmpty(cgroup, { timeoutMs: stageGrace(world, [record]) });
  } catch (error) {
    world.log.info({ workload: record.id, err: error }, 'does not end by itself and is killed');
    await cgroups.kill(cgroup);
  }
}
