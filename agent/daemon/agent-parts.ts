// What the agent answers from: made by the assembly.

import type { Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import type { AgentService } from '../control/service.js';
import type { Density } from '../density/density.js';
import type { Governor } from '../density/governor/governor.js';
import type { PredictionView } from '../density/prediction/live.js';
import type { TenantAdmin } from '../density/tenant-admin.js';
import type { Tuner } from '../density/tuner.js';
import type { Engines } from '../discovery/engines/engines.js';
import type { Volumes } from '../drivers/volumes.js';
import type { Inventory } from '../host/inventory.js';
import type { ImageAdmin } from '../images/admin.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { HostUse } from '../metrics/host-load.js';
import type { SampleView } from '../metrics/top.js';
import type { AdoptedFilter, AdoptedView } from '../model/adopted.js';
import type { EventPort } from '../model/event.js';
import type { Installation } from '../model/tags.js';
import type { DriverSet } from '../workload/driver-set.js';
import type { Consoles } from '../workload/inside/console.js';
import type { Executions } from '../workload/inside/executions.js';
import type { Manager } from '../workload/manager.js';
import type { OutputStore } from '../workload/output.js';
import type { CniParts, CniPorts } from './adapters/cni-workloads.js';
import type { Cordon } from './cordon.js';
import type { DiagnosisParts, DiagnosisPorts } from './diagnosis.js';

export interface AgentPorts extends DiagnosisPorts, CniPorts {
  readonly bootId: string;
  readonly cgroups: DiagnosisPorts['cgroups'] & Pick<CgroupPort, 'path' | 'processes'>;
  readonly config: Config;
  readonly density: Density;
  readonly drivers: DriverSet;
  readonly events: EventPort;
  readonly installation: Installation;
  readonly log: Log;
  readonly output: OutputStore;
  readonly volumes: Volumes;
}

export interface AgentParts extends DiagnosisParts, Pick<CniParts, 'onEvent' | 'audit'> {
  readonly world: AgentPorts;
  readonly version: string;
  readonly startedAt: number;
  readonly manager: Manager;
  readonly executions: Executions;
  readonly consoles: Consoles;
  readonly cordon: Cordon;
  readonly reload: AgentService['reload'];
  readonly tenants: TenantAdmin;
  readonly images: ImageAdmin;
  readonly tuner: Tuner;
  readonly governor: Pick<Governor, 'status' | 'allWaiting'>;
  readonly prediction: () => PredictionView | null;
  readonly samples: () => Samples;
  readonly inventory: () => Inventory | undefined;
  readonly engines: Pick<Engines, 'views' | 'counts'> & { list(filter: AdoptedFilter): readonly AdoptedView[] };
}

/** The last round of the sampler. */
export interface Samples extends SampleView {
  /** Null before the first. */
  ageMs(): number | null;
  host(): HostUse;
}
