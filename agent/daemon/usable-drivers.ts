// Which drivers this host can run, as `node.describe` tells it.
import type { Driver, Requirements } from '../drivers/driver.js';
import type { HostFacts } from '../host/facts.js';
import type { NodeDescription } from '../metrics/node-description.js';
import { DRIVER_NAMES } from '../model/spec.js';
import type { DriverHost, DriverSet } from '../workload/driver-set.js';

type Described = NodeDescription['drivers'][number];

export function usableDrivers(
  drivers: Pick<DriverSet, 'find' | 'host'>,
  { kvm }: Pick<HostFacts, 'kvm'>,
): NodeDescription['drivers'] {
  const why = kvm?.reason ?? 'KVM was not probed';
  return DRIVER_NAMES.flatMap((name) => {
    const driver = drivers.find(name);
    return driver === undefined ? [] : [{ name, ...usability(driver, { ...drivers.host, why }) }];
  });
}

interface Host extends DriverHost {
  /** In one sentence, why KVM is usable or not. */
  readonly why: string;
}

function usability({ requires = {} }: Pick<Driver, 'requires'>, host: Host): Omit<Described, 'name'> {
  const { program }: Requirements = requires;
  if (program !== undefined && host.which(program) === undefined)
    return { usable: false, reason: `${program} is not installed` };
  switch (requires.kvm) {
    case 'needed':
      return { usable: host.kvmUsable, reason: host.kvmUsable ? 'kvm' : `needs KVM: ${host.why}` };
    case 'preferred':
      return { usable: true, reason: host.kvmUsable ? 'kvm' : `tcg: ${host.why}` };
    default:
      return { usable: true, reason: 'ready' };
  }
}
