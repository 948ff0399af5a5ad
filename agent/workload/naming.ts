// Addresses, names and, where it will do, a ready-made namespace for a workload that has been admitted. All of it is in its record
// before anything is made.
import type { Config } from '../config/schema.js';
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Addresses, Claims } from '../network/claims.js';
import type { NetworkPort } from '../network/network-port.js';
import { guestAddressOf } from './cloning.js';
import type { DriverSet } from './driver-set.js';
import { sandboxFor, slotKind } from './plan.js';
import type { SnapshotPort } from './ports.js';

export interface NamingPorts {
  readonly claims: Pick<Claims, 'claim'>;
  readonly config: Pick<Config, 'network'>;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly network: Pick<NetworkPort, 'acquire'>;
  readonly snapshots: Pick<SnapshotPort, 'get'>;
}

/** Throws what the pools throw. `addresses`: those that its guest takes for its own. */
export function nameSandbox(spec: WorkloadSpec, addresses: Addresses | undefined, ports: NamingPorts): Sandbox {
  const { claims, config, drivers, network } = ports;
  const driver = drivers.of(spec.driver);
  const claim = claims.claim(spec, addresses);
  const guest = guestAddressOf(spec, ports);
  // A ready-made namespace translates nothing.
  const kind = guest.guestAddress === undefined ? slotKind(spec, driver, config.network, claim) : null;
  const slot = kind === null ? undefined : network.acquire(kind);
  return { ...sandboxFor(spec, driver, config.network.link_prefix, claim, slot), ...guest };
}
