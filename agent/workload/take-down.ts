// The end of a sandbox: what a workload has is taken from the kernel first, and given back to the ledger when that is durable.

import type { Log } from '../base/log.js';
import type { Density } from '../density/density.js';
import type { Layers } from '../limits/layers.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Claims } from '../network/claims.js';
import type { Placement } from '../placement/placement.js';
import type { DriverSet } from './driver-set.js';
import { type Ending, type EndingPorts, endProcesses } from './ending.js';
import { networkFor, type Planner } from './plan.js';
import { type Dismantling, dismantle } from './steps.js';

export interface TakeDownPorts extends EndingPorts, Planner {
  readonly cgroups: Dismantling['cgroups'] & EndingPorts['cgroups'];
  readonly network: Dismantling['network'] & EndingPorts['network'];
  readonly supervisor: Dismantling['supervisor'];
  readonly layers: EndingPorts['layers'] & Pick<Layers, 'forget'>;
  readonly tenants: Pick<TenantGroups, 'apply' | 'promise'>;
  readonly log: Pick<Log, 'warn'>;
}

/** Where the room of workloads is accounted for. */
export interface Accounts {
  readonly claims: Pick<Claims, 'release'>;
  readonly density: Pick<Density, 'release'>;
  readonly placement: Pick<Placement, 'remove'>;
}

/** Nothing of it is left in the kernel when it resolves; it may be called again after a failure. */
export async function takeDown(actor: Ending, ports: TakeDownPorts): Promise<void> {
  const { id, spec, sandbox } = actor.record;
  const { cgroups, supervisor, installation, layers, log, network, tenants } = ports;
  const driver = ports.drivers.of(spec.driver);
  await dismantle(actor.record, {
    ...{ cgroups, network, supervisor, installation: installation.id },
    cleanup: () => cleanUp(actor.record, ports.drivers),
    directory: ports.drivers.context(actor.record).directory,
    made: networkFor(spec, sandbox, driver, ports),
    ...{ slot: sandbox.baseline !== null, confinement: await driver.confinement(spec) },
    end: () => endProcesses(actor, ports),
  });
  layers.forget(id);
  tenants.promise(id, spec.tenant, null);
  // Its tenant is promised less now. The audit sees to it where this fails: what is gone must not wait for it.
  await tenants
    .apply(spec.tenant)
    .catch((err: unknown) => log.warn({ tenant: spec.tenant, err }, 'limits of a tenant not written'));
}

/** Not before it is durable: the next agent would take down once more what the record names, and it may be another's by then. */
export function giveBack(id: string, { claims, density, placement }: Accounts): void {
  claims.release(id);
  density.release(id);
  placement.remove(id);
}

/** What the driver keeps of a run. */
export function cleanUp(record: WorkloadRecord, drivers: Pick<DriverSet, 'of' | 'context'>): Promise<void> {
  return drivers.of(record.spec.driver).cleanup(record.spec, drivers.context(record));
}
