// Everything a workload's actor works with, put together once by the daemon.
import { BerthError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import type { GovernorPort } from '../density/governor/types.js';
import type { Driver, DriverContext } from '../drivers/driver.js';
import type { Volumes } from '../drivers/volumes.js';
import type { KernelLog } from '../ends/kernel-log.js';
import type { KsmState } from '../host/ksm.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Layers } from '../limits/layers.js';
import type { LimitContext } from '../limits/limits.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { DurableEventPort } from '../model/event.js';
import type { PressurePoint } from '../model/record.js';
import type { DriverName, WorkloadSpec } from '../model/spec.js';
import type { Installation } from '../model/tags.js';
import type { Claims } from '../network/claims.js';
import type { NetworkPort } from '../network/network-port.js';
import type { portsTaken } from '../network/published.js';
import type { Placement } from '../placement/placement.js';
import type { DrainStore } from './drain-file.js';
import type { InsideProbe } from './health/probe.js';
import type { Journal } from './journal.js';
import type { OutputStore } from './output.js';
import type { ImagePort, Observer, SnapshotPort, SupervisorPort } from './ports.js';

export interface World {
  readonly config: Config;
  readonly bootId: string;
  readonly installation: Installation;
  readonly cgroups: CgroupPort;
  readonly limits: LimitContext;
  readonly layers: Layers;
  readonly tenants: TenantGroups;
  readonly placement: Placement;
  readonly network: NetworkPort;
  readonly supervisor: SupervisorPort;
  readonly claims: Claims;
  /** Those of some ports that a process of the host has. */
  readonly portsTaken: typeof portsTaken;
  readonly density: Density;
  /** Without one every start begins at once. */
  readonly governor?: GovernorPort;
  /** Without it nothing runs from an image. */
  readonly images?: ImagePort;
  readonly snapshots: SnapshotPort;
  readonly journal: Journal;
  readonly drains: DrainStore;
  readonly output: OutputStore;
  readonly volumes: Volumes;
  readonly events: DurableEventPort;
  readonly observer: Observer;
  readonly log: Log;
  readonly drivers: ReadonlyMap<DriverName, Driver>;
  readonly which: DriverContext['which'];
  readonly kvmUsable: boolean;
  readonly kvmReason?: string | undefined;
  readonly kernelLog: KernelLog;
  /** The last 60 s of a workload, oldest first; none when it is not measured. */
  readonly history: (id: string) => readonly PressurePoint[];
  readonly ksm: () => KsmState;
  /** Without it a command of a health probe says nothing. */
  readonly probeInside?: InsideProbe;
}

export function driverOf(world: Pick<World, 'drivers'>, name: DriverName): Driver {
  const driver = world.drivers.get(name);
  if (!driver) throw new BerthError('unknown_driver', `there is no driver "${name}" in this agent`);
  return driver;
}

/** Trees that workloads of this tenant may mount; those of tenants are as the last reload has them. */
export function mountRootsOf({ tenant }: Pick<WorkloadSpec, 'tenant'>, world: Pick<World, 'config' | 'density'>) {
  return [...world.config.drivers.mounts, ...(world.density.config.tenant[tenant]?.mounts ?? [])];
}

/** Capabilities that containers of this tenant may add. */
export function capabilitiesOf({ tenant }: Pick<WorkloadSpec, 'tenant'>, world: Pick<World, 'config' | 'density'>) {
  return [...world.config.drivers.capabilities, ...(world.density.config.tenant[tenant]?.capabilities ?? [])];
}
