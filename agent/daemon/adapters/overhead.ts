// The measuring of VMMs on this host: real timers, the clock on the wall, the records of the workload room.

import type { Log } from '../../base/log.js';
import type { Config } from '../../config/schema.js';
import type { DamagedCheckpoint } from '../../density/checkpoint.js';
import { OverheadCheckpoint } from '../../density/overhead/checkpoint.js';
import { measureVmm } from '../../density/overhead/measure.js';
import { type Candidate, OverheadService } from '../../density/overhead/overhead.js';
import { steadyWall } from '../../density/steady-wall.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';

export interface OverheadPorts {
  readonly cgroups: Pick<CgroupPort, 'path'>;
  readonly config: Pick<Config, 'paths'>;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly log: Pick<Log, 'warn'>;
}

export function openOverhead(
  ports: OverheadPorts,
  manager: Pick<Manager, 'records'>,
  onDamaged: (damaged: DamagedCheckpoint) => void,
): OverheadService {
  const { cgroups, config, log } = ports;
  const clock = steadyWall();
  return new OverheadService({
    checkpoint: new OverheadCheckpoint(config.paths.state),
    candidates: () =>
      manager.records().flatMap(({ id, spec, state, process, sandbox }): Candidate[] => {
        const { vm } = ports.drivers.of(spec.driver);
        if (state !== 'running' || process === null || vm === undefined) return [];
        const { pid, startTime } = process;
        const vmm = { spec, pid, startTime, directory: cgroups.path(sandbox.cgroup) };
        return [{ id, spec, startedAt: clock.ofProcess(startTime), measure: () => measureVmm(vm, vmm) }];
      }),
    now: () => clock.now(),
    setTimer: (ms, run) => {
      const timer = setTimeout(run, ms).unref();
      return () => clearTimeout(timer);
    },
    onDamaged,
    onError: (error, message) => log.warn({ err: error }, message),
  });
}
