// The door of this room: all drivers of this version, configured.
import type { Config } from '../config/schema.js';
import type { DriverName } from '../workload/spec.js';
import { parseSize } from '../workload/units.js';
import type { Driver } from './driver.js';
import { execDriver } from './exec/index.js';
import { externalDriver } from './external/index.js';
import { ociDriver } from './oci/index.js';
import { qemuDriver } from './qemu/index.js';

export function createDrivers(config: Pick<Config, 'drivers' | 'network'>): ReadonlyMap<DriverName, Driver> {
  const { oci, qemu } = config.drivers;
  const { dns } = config.network;
  const drivers = [
    execDriver(),
    ociDriver({ runtime: oci.runtime, dns }),
    qemuDriver({ accel: qemu.accel, overheadBytes: parseSize(qemu.overhead) ?? 0, dns }),
    externalDriver(),
  ];
  return new Map(drivers.map((driver) => [driver.name, driver]));
}
