// A sandbox without a process: whoever asked for it joins it by path and name (Docker, a CNI chain, a VMM by hand).
import { hasAddress } from '../../network/attachment.js';
import type { Driver } from '../driver.js';

export function externalDriver(): Driver {
  return {
    name: 'external',
    grants: async ({ external }) =>
      external?.namespace === undefined ? ['external.sandbox'] : ['external.sandbox', 'external.namespace'],
    async check() {},
    // Whoever joins brings privileges of their own.
    confinement: async () => 'foreign',
    tap({ external, network }) {
      if (external?.tap !== true || !hasAddress(network)) return null;
      const { uid, multiQueue, vnetHeader, guestAddress = null } = external;
      return { name: 'tap0', uid, multiQueue, vnetHeader, guestAddress };
    },
    prepare: async () => null,
    async cleanup() {},
  };
}
