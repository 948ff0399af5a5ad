// What a node says of pressure and of cpus when there is nothing to say.
import type { PlacementDescription } from '../../agent/placement/describe.js';
import type { PressureStatus } from '../../agent/pressure/status.js';

export const CALM: PressureStatus = { mode: 'enforce', scopes: [], counts: [], futile: 0, unobserved: [] };

export const EVERYBODY_SHARES: PlacementDescription = {
  policy: 'static',
  capacity: {
    ...{ exclusive: 3, held: 0, free: 3, largestInNode: 3, largestInCache: 3, isolated: 0, pool: 4, reserved: 1 },
  },
  pool: '0-3',
  cpus: [],
  workloads: [],
  sharing: 0,
  violations: [],
  failures: [],
};
