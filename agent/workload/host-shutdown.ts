// The host goes down. Its service manager would end the workloads last of all, when network and disks are gone, and
// wait 90 s for each container whose first process ignores SIGTERM. So they are ended here, as `stop` would do it.
// No record changes: what should run is started again after the boot.

import type { Log } from '../base/log.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { WorkloadRecord } from '../model/record.js';
import { inDrainStages } from './drain-order.js';
import type { DriverSet } from './driver-set.js';
import { graceOf, terminate } from './processes.js';
import { stopSignalOf } from './start.js';

const THAW_TIMEOUT_MS = 5000;
/** As long as systemd waits for a service. */
const MOST_GRACE_MS = 90_000;

export interface ShutdownPorts {
  readonly cgroups: Pick<CgroupPort, 'kill' | 'thaw' | 'waitEmpty'>;
  readonly config: Pick<Config, 'lifecycle'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly log: Log;
}

/**
 * Class by class as in a drain, those of a class at once; resolves when every cgroup is empty or has been killed, and never
 * throws. The actors must be closed: they would take the ends for ends and, by their restart policy, start again. Returns
 * how many there were.
 */
export async function endAll(ports: ShutdownPorts, records: readonly WorkloadRecord[]): Promise<number> {
  const running = records.filter(({ process }) => process !== null);
  for (const stage of inDrainStages(running))
    await Promise.all(
      stage.map((record) =>
        end(ports, record).catch((error: unknown) =>
          ports.log.warn({ workload: record.id, err: error }, 'could not be ended'),
        ),
      ),
    );
  return running.length;
}

/** Milliseconds that the shutdown of the host may take for these, class after class. */
export function shutdownGrace(ports: Pick<ShutdownPorts, 'config'>, records: readonly WorkloadRecord[]): number {
  const running = records.filter(({ process }) => process !== null);
  return inDrainStages(running).reduce((sum, stage) => sum + stageGrace(ports, stage), 0);
}

/** What one asks for beyond this holds up nobody. */
function stageGrace(ports: Pick<ShutdownPorts, 'config'>, records: readonly WorkloadRecord[]): number {
  const usual = parseDuration(ports.config.lifecycle.stop_grace) ?? 10_000;
  const asked = records.map((record) => graceOf(record, ports.config));
  return Math.min(
    asked.reduce((most, one) => Math.max(most, one), usual),
    Math.max(usual, MOST_GRACE_MS),
  );
}

async function end(ports: ShutdownPorts, record: WorkloadRecord): Promise<void> {
  const { cgroups } = ports;
  const { cgroup } = record.sandbox;
  try {
    if (record.state === 'frozen') await cgroups.thaw(cgroup, { timeoutMs: THAW_TIMEOUT_MS });
    const polite = await ports.drivers.of(record.spec.driver).stop?.(record.spec, ports.drivers.context(record));
    if (polite !== true && record.process !== null) terminate(record.process, stopSignalOf(record, ports.drivers));
    await cgroups.waitEmpty(cgroup, { timeoutMs: stageGrace(ports, [record]) });
  } catch (error) {
    ports.log.info({ workload: record.id, err: error }, 'does not end by itself and is killed');
    await cgroups.kill(cgroup);
  }
}
