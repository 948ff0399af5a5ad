// A workload as it is shown outside: its record, and what follows from it.
import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import type { WorkloadRecord, WorkloadView } from '../model/record.js';
import { givenResolver } from '../network/dns.js';
import { kernelIp } from '../network/kernel-ip.js';
import { restartView } from './restart.js';
import type { World } from './world.js';

type Places = Pick<World, 'bootId' | 'cgroups' | 'config' | 'density'>;

/** `now`: what the record does not say. */
export function viewOf(
  record: WorkloadRecord,
  { bootId, cgroups, config, density }: Places,
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
