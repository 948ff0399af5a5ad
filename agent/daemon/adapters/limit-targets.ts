// What of the agent's records is in the kernel now, as the audit of limits and the layers see it.

import type { Value } from '../../../cgroups/types.js';
import { overheadOf } from '../../drivers/driver.js';
import { BY_DEVICE, desiredValues } from '../../limits/desired.js';
import type { LimitDriftWorld, LimitTarget } from '../../limits/drift.js';
import type { LayerTarget, LayerWorld } from '../../limits/layers.js';
import { limitsOf } from '../../limits/limits.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { Manager } from '../../workload/manager.js';
import type { World } from '../../workload/world.js';

/** Keys of tenants; no id of a workload has a slash. */
export const TENANT_KEY = 'tenant/';

export function layerWorld(world: World, manager: Manager): LayerWorld {
  return {
    cgroups: world.cgroups,
    has: (id) => manager.has(id),
    target: (id) => layerTarget(world, manager, id),
  };
}

function layerTarget(world: World, manager: Manager, id: string): LayerTarget | undefined {
  const record = manager.has(id) ? manager.actor(id).record : undefined;
  if (record === undefined || !runs(record)) return undefined;
  return { cgroup: record.sandbox.cgroup, values: specValues(world, record) };
}

/** The audit's view: all workloads that run, and the tenants above them. */
export function driftWorld(world: World, manager: Manager): LimitDriftWorld {
  const { cgroups, events, layers, log, tenants } = world;
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
      const target = layerTarget(world, manager, key);
      return target === undefined ? [] : layers.over(key, target.values);
    },
    exclusive: (key, work) =>
      key.startsWith(TENANT_KEY) ? tenants.exclusive(key.slice(TENANT_KEY.length), work) : layers.exclusive(key, work),
  };
}

/** Frozen only while that is wanted, too: a thaw on the way to a stop is no change by others. */
function specValues(world: World, { spec, state, desired, sandbox }: WorkloadRecord): readonly Value[] {
  const limits = limitsOf(spec, overheadOf(world.drivers.of(spec.driver), spec), world.limits);
  const lines = world.cgroups.lines(sandbox.cgroup, BY_DEVICE);
  return desiredValues(limits, state === 'frozen' && desired === 'frozen', world.limits.files, lines);
}

function runs({ state }: WorkloadRecord): boolean {
  return state === 'running' || state === 'frozen';
}
