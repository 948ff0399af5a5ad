// A change of a workload that exists: what may differ, and carrying it out on what runs.

import { isDeepStrictEqual } from 'node:util';
import type { Value } from '../../cgroups/types.js';
import { overheadOf } from '../drivers/driver.js';
import type { Layers } from '../limits/layers.js';
import type { LimitContext } from '../limits/limits.js';
import { limitsOf } from '../limits/limits.js';
import type { TenantGroups } from '../limits/tenants.js';
import { LIVE_NETWORK } from '../model/network-spec.js';
import type { WorkloadRecord } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { NetworkPort } from '../network/network-port.js';
import type { DriverSet } from './driver-set.js';
import type { Planner } from './plan.js';
import { networkFor } from './plan.js';
import type { Resizing } from './resize.js';
import { resize } from './resize.js';

const MUTABLE_FIELDS: readonly string[] = ['resources', 'labels', 'priority', 'restart', 'stop', 'health', 'idle'];
const MUTABLE_NETWORK: readonly string[] = LIVE_NETWORK;

/** What an update may change while the workload runs. */
export const MUTABLE = [...MUTABLE_FIELDS, ...MUTABLE_NETWORK.map((field) => `network.${field}`)];

/** Fields that differ and must not, dotted. */
export function fixedChanges(before: WorkloadSpec, after: WorkloadSpec): string[] {
  const { network: from, ...rest } = before;
  const { network: to, ...others } = after;
  const merging = before.resources.memory?.ksm === true;
  return [
    // Only a process itself can switch it, and QEMU reads it once.
    ...(merging === (after.resources.memory?.ksm === true) ? [] : ['resources.memory.ksm']),
    ...differing(rest, others).filter((key) => !MUTABLE_FIELDS.includes(key)),
    ...differing(from, to)
      .filter((key) => !MUTABLE_NETWORK.includes(key))
      .map((key) => `network.${key}`),
  ];
}

function differing(a: object, b: object): string[] {
  const [before, after] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => !isDeepStrictEqual(before.get(key), after.get(key)));
}

export interface ChangePorts extends Planner {
  readonly cgroups: Resizing['cgroups'];
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly layers: Pick<Layers, 'covers'>;
  readonly limits: LimitContext;
  readonly network: Pick<NetworkPort, 'update'>;
  readonly tenants: Pick<TenantGroups, 'apply' | 'promise'>;
}

/**
 * The kernel first, the journal after: a crash in between leaves the old intent, which recovery writes back. Throws with
 * everything as it was, also the reason of the signal, which counts until all of it is in the kernel; the answer puts it back, for when the journal cannot be written. All of it, and the journal's entry,
 * belong into one `layers.exclusive`: in between the audit of limits would take the new values for somebody else's.
 */
export async function changeLive(
  ports: ChangePorts,
  record: WorkloadRecord,
  spec: WorkloadSpec,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { cgroups, network, layers, tenants } = ports;
  const driver = ports.drivers.of(spec.driver);
  const limits = (of: WorkloadSpec) => limitsOf(of, overheadOf(driver, of), ports.limits);
  const from = networkFor(record.spec, record.sandbox, driver, ports);
  const to = networkFor(spec, record.sandbox, driver, ports);
  const reachable = from !== null && to !== null && !isDeepStrictEqual(from, to);
  const changeNetwork = async (a: typeof from, b: typeof to): Promise<void> => {
    if (reachable && a !== null && b !== null) await network.update(a, b);
  };
  await changeNetwork(from, to);
  const { cgroup: path } = record.sandbox;
  const covered = (value: Value): boolean => layers.covers(spec.id, value);
  let resized = record.spec;
  // What puts back is not called off.
  const changeLimits = async (a: WorkloadSpec, b: WorkloadSpec, until?: AbortSignal): Promise<void> => {
    await resize({ cgroups, path, covered, ...(until && { signal: until }) }, limits(a), limits(b));
    resized = b;
    tenants.promise(b.id, b.tenant, limits(b));
    await tenants.apply(b.tenant, until);
  };
  try {
    await changeLimits(record.spec, spec, signal);
  } catch (error) {
    await changeNetwork(to, from).catch(() => undefined);
    // Then only the limits of the tenant could not be written; before, `resize` puts its own back.
    if (resized === spec) await changeLimits(spec, record.spec).catch(() => undefined);
    throw error;
  }
  return async () => {
    await changeNetwork(to, from);
    await changeLimits(spec, record.spec);
  };
}
