// A workload as it is shown outside: its record, and what follows from it.
import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { WorkloadRecord, WorkloadView } from '../model/record.js';
import { givenResolver } from '../network/dns.js';
import { kernelIp } from '../network/kernel-ip.js';
import { restartView } from './restart.js';

export interface ViewPorts {
  readonly bootId: string;
  readonly cgroups: Pick<CgroupPort, 'path'>;
  readonly config: Pick<Config, 'network'>;
  readonly density: Pick<Density, 'clock'>;
}

/** `now`: what the record does not say. */
export function viewOf(
  record: WorkloadRecord,
  { bootId, cgroups, config, density }: ViewPorts,
  now: { readonly waiting: WorkloadView['waiting']; readonly ready: boolean | undefined },
): WorkloadView {
  const { bootId: _bootId, before: _before, escaped: _escaped, lastSnapshot: _last, sandbox, ...rest } = record;
  const { servers } = givenResolver(rest.spec, config.network.dns);
  const { guestAddress } = rest.spec.external ?? {};
  return {
    ...rest,
    restart: restartView(record, { clock: density.clock, bootId }),
    sandbox: {
      ...sandbox,
      cgroupPath: cgroups.path(sandbox.cgroup),
      netnsPath: sandbox.netns === null ? null : join('/run/netns', sandbox.netns),
      kernelIp: kernelIp(sandbox, { hostname: rest.id, servers, guestAddress }),
    },
    ...defined(now),
  };
}
