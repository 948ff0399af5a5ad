// What the agent has of each room below: the assembly makes it once, and hands every class what that class takes. No other
// file imports it (test/architecture/ports.test.ts).
import type { Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import type { GovernorPort } from '../density/governor/types.js';
import type { Volumes } from '../drivers/volumes.js';
import type { KernelLog } from '../ends/kernel-log.js';
import type { KsmState } from '../host/ksm.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Layers } from '../limits/layers.js';
import type { LimitContext } from '../limits/limits.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { DurableEventPort } from '../model/event.js';
import type { PressurePoint } from '../model/record.js';
import type { Installation } from '../model/tags.js';
import type { Claims } from '../network/claims.js';
import type { NetworkPort } from '../network/network-port.js';
import type { portsTaken } from '../network/published.js';
import type { Placement } from '../placement/placement.js';
import type { DrainStore } from '../workload/drain-file.js';
import type { DriverSet } from '../workload/driver-set.js';
import type { InsideProbe } from '../workload/health/probe.js';
import type { Journal } from '../workload/journal.js';
import type { OutputStore } from '../workload/output.js';
import type { ImagePort, Observer, SnapshotPort, SupervisorPort } from '../workload/ports.js';

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
  readonly drivers: DriverSet;
  readonly kernelLog: KernelLog;
  /** The last 60 s of a workload, oldest first; none when it is not measured. */
  readonly history: (id: string) => readonly PressurePoint[];
  readonly ksm: () => KsmState;
  /** Without it a command of a health probe says nothing. */
  readonly probeInside?: InsideProbe;
}
