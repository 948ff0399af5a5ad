// Workloads as the ladder sees them.

import { amountOf } from '../../density/demand.js';
import type { Density } from '../../density/density.js';
import { overheadOf } from '../../drivers/driver.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import type { LimitContext } from '../../limits/limits.js';
import { limitsOf } from '../../limits/limits.js';
import { machineOf } from '../../model/driver-kinds.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { Target } from '../../pressure/types.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';

export interface TargetPorts {
  readonly cgroups: Pick<CgroupPort, 'path'>;
  readonly density: Pick<Density, 'config' | 'demand'>;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly limits: LimitContext;
}

/**
 * Asked for with every sample: what is known of a record is known until there is another one, or another configuration of
 * what is counted.
 */
export class Targets {
  readonly #ports: TargetPorts;
  readonly #manager: Pick<Manager, 'records'>;
  #of: Density['config'] | undefined;
  #known = new WeakMap<WorkloadRecord, Target>();

  constructor(ports: TargetPorts, manager: Pick<Manager, 'records'>) {
    this.#ports = ports;
    this.#manager = manager;
  }

  all(): Target[] {
    const { config } = this.#ports.density;
    if (config !== this.#of) this.#known = new WeakMap();
    this.#of = config;
    return this.#manager
      .records()
      .filter(({ state }) => state === 'running' || state === 'frozen')
      .map((record) => {
        const known = this.#known.get(record) ?? subjectOf(this.#ports, record);
        this.#known.set(record, known);
        return known;
      });
  }
}

function subjectOf(ports: TargetPorts, { id, spec, state, sandbox }: WorkloadRecord): Target {
  const { cgroups, density } = ports;
  const driver = ports.drivers.of(spec.driver);
  const machine = machineOf(spec);
  const overhead = overheadOf(driver, spec);
  const { cpu, memory, io } = limitsOf(spec, overhead, ports.limits);
  const demand = density.demand(spec, { overhead, tap: driver.tap(spec) !== null });
  return {
    id,
    tenant: spec.tenant,
    class: spec.class,
    priority: spec.priority,
    dir: cgroups.path(sandbox.cgroup),
    tenantDir: cgroups.path(spec.tenant),
    request: { cpu: amountOf(demand, 'cpu'), memory: amountOf(demand, 'memory') },
    limit: {
      cpu: cpu?.max ?? null,
      memory: memory?.max ?? null,
      io: (io?.devices?.length ?? 0) > 0,
      burst: (cpu?.burst ?? 0) > 0,
    },
    idle: cpu?.idle === true,
    memoryHigh: memory?.high ?? null,
    frozen: state === 'frozen',
    // Huge and locked pages stay with the VM, whatever its guest gives back.
    canBalloon: driver.vm !== undefined && machine?.hugepages === undefined && machine?.lockMemory !== true,
  };
}
