// The door of this room: all drivers of this version, configured.
import { join } from 'node:path';
import { parseSize } from '../base/units.js';
import { parseUids, type UidRange } from '../config/drivers.js';
import type { Config } from '../config/schema.js';
import type { DriverName } from '../model/spec.js';
import type { Driver } from './driver.js';
import { execDriver } from './exec/index.js';
import { externalDriver } from './external/index.js';
import { firecrackerDriver } from './firecracker/index.js';
import { GuestInitrds } from './guest/initrd.js';
import { ociDriver } from './oci/index.js';
import { qemuDriver } from './qemu/index.js';

/** `credentials`: the directory of those that systemd has loaded for the agent. */
export function createDrivers(
  config: Pick<Config, 'drivers' | 'network' | 'paths' | 'secrets'>,
  credentials?: string,
): ReadonlyMap<DriverName, Driver> {
  const { exec, oci, qemu, firecracker } = config.drivers;
  const { state, runtime } = config.paths;
  const uids = rangeOf(exec.uids);
  const { dns } = config.network;
  const secrets = { directory: config.secrets.directory, credentials };
  const initrds = new GuestInitrds(join(runtime, 'guests'));
  // A driver that a spec can name and that is not here does not compile.
  const drivers: Readonly<Record<DriverName, Driver>> = {
    exec: execDriver({
      ...{ runtime: oci.runtime, dns, uids, secrets, sandboxOnly: !exec.allow.includes('isolation-none') },
      ...{ temporaryBytes: parseSize(exec.tmp) ?? 0, shared: runtime, hidden: [state, runtime, secrets.directory] },
    }),
    oci: ociDriver({ runtime: oci.runtime, dns, secrets }),
    qemu: qemuDriver({
      ...{
        accel: qemu.accel,
        overheadBytes: parseSize(qemu.overhead) ?? 0,
        kernel: qemu.kernel === '' ? undefined : qemu.kernel,
      },
      ...{ dns, runtime, initrds },
    }),
    firecracker: firecrackerDriver({
      ...{ binary: firecracker.binary, jailer: firecracker.jailer, uids: rangeOf(firecracker.uids) },
      ...{ overheadBytes: parseSize(firecracker.overhead) ?? 0, dns, runtime, state, initrds },
      kernel: firecracker.kernel === '' ? undefined : firecracker.kernel,
    }),
    external: externalDriver(),
  };
  return new Map(Object.values(drivers).map((driver) => [driver.name, driver]));
}

function rangeOf(text: string): UidRange {
  const range = parseUids(text);
  if (range === undefined) throw new RangeError(`not a range of uids: ${text}`);
  return range;
}
