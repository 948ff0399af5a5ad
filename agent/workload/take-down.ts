// The end of a sandbox: what a workload has is taken from the kernel first, and given back to the ledger when that is durable.
import type { WorkloadRecord } from '../model/record.js';
import { type Ending, endProcesses } from './ending.js';
import { networkFor } from './plan.js';
import { dismantle } from './steps.js';
import type { World } from './world.js';

/** Nothing of it is left in the kernel when it resolves; it may be called again after a failure. */
export async function takeDown(actor: Ending, world: World): Promise<void> {
  const { id, spec, sandbox } = actor.record;
  const { cgroups, supervisor, installation, layers, log, network, tenants } = world;
  const driver = world.drivers.of(spec.driver);
  await dismantle(actor.record, {
    ...{ cgroups, network, supervisor, installation: installation.id },
    cleanup: () => cleanUp(actor.record, world),
    directory: world.drivers.context(actor.record).directory,
    made: networkFor(spec, sandbox, driver, world),
    ...{ slot: sandbox.baseline !== null, confinement: await driver.confinement(spec) },
    end: () => endProcesses(actor, world),
  });
  layers.forget(id);
  tenants.promise(id, spec.tenant, null);
  // Its tenant is promised less now. The audit sees to it where this fails: what is gone must not wait for it.
  await tenants
    .apply(spec.tenant)
    .catch((err: unknown) => log.warn({ tenant: spec.tenant, err }, 'limits of a tenant not written'));
}

/** Not before it is durable: the next agent would take down once more what the record names, and it may be another's by then. */
export function giveBack(id: string, { claims, density, placement }: World): void {
  claims.release(id);
  density.release(id);
  placement.remove(id);
}

/** What the driver keeps of a run. */
export function cleanUp(record: WorkloadRecord, world: World): Promise<void> {
  return world.drivers.of(record.spec.driver).cleanup(record.spec, world.drivers.context(record));
}
