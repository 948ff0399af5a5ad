// What of the agent's records is in the kernel now, as the audit of limits and the layers see it.

import type { Value } from '../../../cgroups/types.js';
import type { Log } from '../../base/log.js';
import { overheadOf } from '../../drivers/driver.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import { BY_DEVICE, desiredValues } from '../../limits/desired.js';
import type { LimitDriftWorld, LimitTarget } from '../../limits/drift.js';
import type { Layers, LayerTarget, LayerWorld } from '../../limits/layers.js';
import type { LimitContext } from '../../limits/limits.js';
import { limitsOf } from '../../limits/limits.js';
import type { TenantGroups } from '../../limits/tenants.js';
import type { EventPort } from '../../model/event.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';

type Workloads = Pick<Manager, 'actor' | 'has' | 'records'>;

export interface LayerPorts {
  readonly cgroups: CgroupPort;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly limits: LimitContext;
}

export interface LimitDriftPorts extends LayerPorts {
  readonly events: EventPort;
  readonly layers: Pick<Layers, 'exclusive' | 'over'>;
  readonly log: Log;
  readonly tenants: Pick<TenantGroups, 'desired' | 'exclusive' | 'refused'>;
}

/** Keys of tenants; no id of a workload has a slash. */
export const TENANT_KEY = 'tenant/';

export function layerWorld(ports: LayerPorts, manager: Workloads): LayerWorld {
  return {
    cgroups: ports.cgroups,
    has: (id) => manager.has(id),
    target: (id) => layerTarget(ports, manager, id),
  };
}

function layerTarget(ports: LayerPorts, manager: Workloads, id: string): LayerTarget | undefined {
  const record = manager.has(id) ? manager.actor(id).record : undefined;
  if (record === undefined || !runs(record)) return undefined;
  return { cgroup: record.sandbox.cgroup, values: specValues(ports, record) };
}

/** The audit's view: all workloads that run, and the tenants above them. */
export function driftWorld(ports: LimitDriftPorts, manager: Workloads): LimitDriftWorld {
  const { cgroups, events, layers, log, tenants } = ports;
  return {
    ...{ cgroups, events, log },
    targets: () => {
      const running = manager.records().filter(runs);
      const workloads = running.map(({ id, spec, sandbox }): LimitTarget => {
        return { key: id, cgroup: sandbox.cgroup, workload: id, tenant: spec.tenant };
      });
      const above = [...new Set(running.map(({ spec }) => spec.tenant))].map((tenant): LimitTarget => {
        return { key: `${TENANT_KEY}${tenant}`, cgroup: tenant, workload: null, tenant };
      });
      return [...workloads, ...above];
    },
    desired: (key): readonly Value[] => {
      // A tenant whose memory cannot go down is known, and no drift.
      if (key.startsWith(TENANT_KEY)) {
        const tenant = key.slice(TENANT_KEY.length);
        const stuck = tenants.refused().has(tenant);
        return tenants.desired(tenant).filter(({ file }) => !stuck || file !== 'memory.max');
      }
      const target = layerTarget(ports, manager, key);
      return target === undefined ? [] : layers.over(key, target.values);
    },
    exclusive: (key, work) =>
      key.startsWith(TENANT_KEY) ? tenants.exclusive(key.slice(TENANT_KEY.length), work) : layers.exclusive(key, work),
  };
}

/** Frozen only while that is wanted, too: a thaw on the way to a stop is no change by others. */
function specValues(ports: LayerPorts, { spec, state, desired, sandbox }: WorkloadRecord): readonly Value[] {
  const limits = limitsOf(spec, overheadOf(ports.drivers.of(spec.driver), spec), ports.limits);
  const lines = ports.cgroups.lines(sandbox.cgroup, BY_DEVICE);
  return desiredValues(limits, state === 'frozen' && desired === 'frozen', ports.limits.files, lines);
}

function runs({ state }: WorkloadRecord): boolean {
  return state === 'running' || state === 'frozen';
}
