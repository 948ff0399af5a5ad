// Cores of one workload alone, counted as the placement gives them out, so that quotas, guaranteed shares and licences
// know of them. Which ones, and whether siblings go with them, is the placement's to say: it refuses by itself.
import type { Placement } from '../placement/placement.js';
import { seatRequest } from '../placement/request.js';
import type { CoresPort } from './density.js';

/** To be called before anybody sits. Undefined: nobody gets cores for itself, whatever it asks for. */
export function coresOf(placement: Placement): CoresPort | undefined {
  const { exclusive, isolated } = placement.capacity();
  const all = exclusive + isolated;
  return all === 0 ? undefined : { capacity: () => all, of: (spec) => seatRequest(spec, 0).exclusive };
}
