// The sandbox of a start: its cgroup with all limits, its cpus, its namespace and its directory, before a driver sees it.
import { planValues } from '../../cgroups/controllers.js';
import type { Log } from '../base/log.js';
import { overheadOf } from '../drivers/driver.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Layers } from '../limits/layers.js';
import { type LimitContext, limitsOf } from '../limits/limits.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Placement } from '../placement/placement.js';
import type { DriverSet } from './driver-set.js';
import { type Planner, planSandbox } from './plan.js';
import { applyStep, provideDirectory, type StepPorts } from './steps.js';

export interface SandboxPorts extends Planner, StepPorts {
  readonly installation: StepPorts['installation'];
  readonly cgroups: StepPorts['cgroups'] & Pick<CgroupPort, 'remove'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly layers: Pick<Layers, 'over' | 'restart'>;
  readonly limits: LimitContext;
  readonly placement: Pick<Placement, 'seat'>;
  readonly tenants: Pick<TenantGroups, 'apply' | 'promise'>;
  readonly log: Pick<Log, 'warn'>;
}

/** A start that is under way. */
export interface UnderWay {
  readonly record: WorkloadRecord;
  /** Of its deadline. */
  readonly signal: AbortSignal;
  /** Rejects with `deadline_exceeded` when the work takes longer than the start may. */
  readonly within: <T>(work: Promise<T>) => Promise<T>;
  /** Whether the workload is still to run. */
  readonly wanted: () => boolean;
}

/** False: it is not wanted any more, and some of it may exist. */
export async function makeSandbox({ record, signal, within, wanted }: UnderWay, ports: SandboxPorts): Promise<boolean> {
  const { spec, sandbox, state, end } = record;
  const { layers } = ports;
  const driver = ports.drivers.of(spec.driver);
  if (end !== null && state === 'preparing') {
    // An earlier run has left its cgroup, with its counters, and perhaps with brakes of the ladder on.
    await ports.cgroups.remove(sandbox.cgroup);
    layers.restart(spec.id);
  }
  const limits = limitsOf(spec, overheadOf(driver, spec), ports.limits);
  ports.tenants.promise(spec.id, spec.tenant, limits);
  const { problems } = await within(ports.placement.seat(spec.id));
  for (const problem of problems) ports.log.warn({ workload: spec.id }, problem);
  for (const step of planSandbox(spec, sandbox, driver, layers.over(spec.id, planValues(limits)), ports)) {
    if (!wanted()) return false;
    await within(applyStep(step, ports, signal));
  }
  provideDirectory(ports.drivers.context(record).directory, spec.id, ports);
  return true;
}
