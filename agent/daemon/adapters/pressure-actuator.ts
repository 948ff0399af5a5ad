// The actuator of the ladder on this host: cgroups by layers, the balloon by the driver, a kill by the manager.
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Value } from '../../../cgroups/types.js';
import type { Config } from '../../config/schema.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import type { Layers } from '../../limits/layers.js';
import type { ActuatorPort, Held } from '../../pressure/ports.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';

const FROZEN: Value = { file: 'cgroup.freeze', value: '1' };
const FREEZE_MS = 10_000;
/** In the run directory of a workload: the size of its balloon, for the next agent. */
const BALLOON = 'balloon';

export interface ActuatorPorts {
  readonly cgroups: Pick<CgroupPort, 'reclaimMemory' | 'waitFrozen'>;
  readonly config: Pick<Config, 'paths'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly layers: Pick<Layers, 'of' | 'set'>;
}

export function actuatorOf(
  ports: ActuatorPorts,
  manager: Pick<Manager, 'actor' | 'killForPressure' | 'records'>,
): ActuatorPort {
  const { cgroups, layers } = ports;
  const cgroupOf = (id: string): string => manager.actor(id).record.sandbox.cgroup;
  return {
    set: (id, layer, values) => layers.set(id, layer, values),
    held: () => manager.records().flatMap(({ id }) => heldOf(ports, id)),
    reclaim: (id, bytes) => cgroups.reclaimMemory(cgroupOf(id), bytes),
    balloon: (id, bytes) => {
      const { record } = manager.actor(id);
      const context = ports.drivers.context(record);
      const { vm } = ports.drivers.of(record.spec.driver);
      if (vm === undefined) return undefined;
      return (async () => {
        const note = join(context.directory, BALLOON);
        // Before, so that a crash in between leaves a note of what may be, and not a balloon of which nobody knows.
        if (bytes > 0) await writeFile(note, String(bytes));
        await vm.balloon(record.spec, context, bytes);
        if (bytes === 0) await rm(note, { force: true });
      })();
    },
    freeze: async (id) => {
      await layers.set(id, 'freeze', [FROZEN]);
      await cgroups.waitFrozen(cgroupOf(id), { timeoutMs: FREEZE_MS });
    },
    thaw: (id) => layers.set(id, 'freeze', []),
    kill: (id, { detail }) => manager.killForPressure(id, detail),
  };
}

function heldOf(ports: Pick<ActuatorPorts, 'config' | 'layers'>, id: string): Held[] {
  const values = ports.layers.of(id, 'pressure');
  const frozen = ports.layers.of(id, 'freeze').length > 0;
  const balloon = balloonOf(join(ports.config.paths.runtime, 'workloads', id, BALLOON));
  return values.length > 0 || frozen || balloon > 0 ? [{ id, values, frozen, balloon }] : [];
}

function balloonOf(path: string): number {
  try {
    return Number(readFileSync(path, 'latin1')) || 0;
  } catch {
    return 0;
  }
}
