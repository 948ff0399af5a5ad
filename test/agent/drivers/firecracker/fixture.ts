// Specs of driver firecracker, and the driver with programs that nobody has to install.
import { type FirecrackerOptions, firecrackerDriver } from '../../../../agent/drivers/firecracker/index.js';
import { type Bootable, ownBoot } from '../../../../agent/drivers/firecracker/machine-config.js';
import type { WorkloadSpec } from '../../../../agent/model/spec.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { NO_DNS, specOf } from '../fixture.js';

export const UIDS = { first: 2_080_374_784, last: 2_147_483_647 };

export const vm = (section: Record<string, unknown>, more: Record<string, unknown> = {}): WorkloadSpec =>
  specOf({ driver: 'firecracker', firecracker: section, ...more });

export function sectionOf({ firecracker }: WorkloadSpec): Bootable {
  if (firecracker === undefined) throw new Error('no section firecracker');
  return ownBoot(firecracker);
}

export function testDriver(more: Partial<FirecrackerOptions> = {}) {
  return firecrackerDriver({
    ...{
      binary: 'firecracker',
      jailer: 'jailer',
      overheadBytes: 2 ** 24,
      uids: UIDS,
      dns: NO_DNS,
      runtime: '/run/berth',
      // Each its own: tests run at once, and all about a workload of one name.
      state: more.state ?? temporaryDirectory('firecracker-state'),
    },
    identify: async (path) => ({ path, version: [1, 7] }),
    ...more,
  });
}
