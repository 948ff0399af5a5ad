// Everything a workload's actor works with, put together once by the daemon.
import type { Config } from '../config/schema.js';
import type { GovernorPort } from '../density/governor/types.js';
import type { Ledger } from '../density/ledger.js';
import type { Driver, DriverContext } from '../drivers/driver.js';
import { BerthError } from '../errors.js';
import type { Claims } from '../network/claims.js';
import type { isTaken } from '../network/published.js';
import type { Journal } from './journal.js';
import type { OutputStore } from './output.js';
import type { CgroupPort, EventPort, HolderPort, Log, NetworkPort, Observer } from './ports.js';
import type { DriverName } from './spec.js';

export interface World {
  readonly config: Config;
  readonly bootId: string;
  readonly cgroups: CgroupPort;
  readonly network: NetworkPort;
  readonly holder: HolderPort;
  readonly claims: Claims;
  /** Whether a process of the host has this port. */
  readonly portTaken: typeof isTaken;
  readonly ledger: Ledger;
  /** Without one every start begins at once. */
  readonly governor?: GovernorPort;
  readonly journal: Journal;
  readonly output: OutputStore;
  readonly events: EventPort;
  readonly observer: Observer;
  readonly log: Log;
  readonly drivers: ReadonlyMap<DriverName, Driver>;
  readonly which: DriverContext['which'];
  readonly kvmUsable: boolean;
}

export function driverOf(world: World, name: DriverName): Driver {
  const driver = world.drivers.get(name);
  if (!driver) throw new BerthError('unknown_driver', `there is no driver "${name}" in this agent`);
  return driver;
}
