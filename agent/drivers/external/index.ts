// A sandbox without a process: whoever asked for it joins it by path and name (Docker, a CNI chain, a VMM by hand).
import type { Driver } from '../driver.js';

export function externalDriver(): Driver {
  return {
    name: 'external',
    async check() {},
    overhead: () => 0,
    tap(spec) {
      if (spec.external?.tap !== true || spec.network.mode !== 'routed') return null;
      return { name: 'tap0', uid: spec.external.uid, multiQueue: false, vnetHeader: true, guestAddress: null };
    },
    prepare: async () => null,
    async cleanup() {},
  };
}
