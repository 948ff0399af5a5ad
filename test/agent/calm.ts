// What a node says of pressure, of starts and of cpus when there is nothing to say.
import type { GovernorStatus } from '../../agent/density/governor/types.js';
import type { PlacementDescription } from '../../agent/placement/describe.js';
import type { PressureStatus } from '../../agent/pressure/status.js';

export const CALM: PressureStatus = { mode: 'enforce', scopes: [], counts: [], futile: 0, unobserved: [] };

export const NO_STARTS: GovernorStatus = {
  ...{ enabled: true, settling: 0, bound: 128, maxSettling: 512 },
  ...{ queued: 0, maxQueue: 8000, byPriority: [], byTenant: [] },
  signals: { cpu: 0.01, io: 0, memory: 0 },
  limits: { cpu: 0.6, io: 0.4, memory: 0.1, network: 100, start: 4 },
  ...{ lastDecrease: null, waits: null, oldestWaitMs: 0 },
  totals: { granted: 12, refused: 0, expired: 0, decreases: { cpu: 0, io: 0, memory: 0, network: 0, start: 0 } },
};

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
