// The door of this room: all drivers of this version, configured.
import { parseSize } from '../base/units.js';
import { parseUids } from '../config/drivers.js';
import type { Config } from '../config/schema.js';
import type { DriverName } from '../model/spec.js';
import type { Driver } from './driver.js';
import { execDriver } from './exec/index.js';
import { externalDriver } from './external/index.js';
import { ociDriver } from './oci/index.js';
import { qemuDriver } from './qemu/index.js';

export function createDrivers(config: Pick<Config, 'drivers' | 'network' | 'paths'>): ReadonlyMap<DriverName, Driver> {
  const { exec, oci, qemu } = config.drivers;
  const { state, runtime } = config.paths;
  const uids = parseUids(exec.uids);
  if (uids === undefined) throw new RangeError(`drivers.exec.uids: ${exec.uids}`);
  const { dns } = config.network;
  const drivers = [
    execDriver({
      ...{ runtime: oci.runtime, dns, uids },
      ...{ temporaryBytes: parseSize(exec.tmp) ?? 0, shared: runtime, hidden: [state, runtime] },
    }),
    ociDriver({ runtime: oci.runtime, dns }),
    qemuDriver({ accel: qemu.accel, overheadBytes: parseSize(qemu.overhead) ?? 0, dns, runtime }),
    externalDriver(),
  ];
  return new Map(drivers.map((driver) => [driver.name, driver]));
}
