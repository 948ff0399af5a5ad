// Cores of one workload alone, counted as the placement gives them out, so that quotas, guaranteed shares and licences
// know of them. Which ones, and whether siblings go with them, is the placement's to say: it refuses by itself.
import { capacity } from '../placement/capacity.js';
import { NOBODY, place } from '../placement/place.js';
import type { Placement } from '../placement/placement.js';
import { seatRequest } from '../placement/request.js';
import type { CoresPort } from './density.js';

/** Undefined: nobody gets cores for itself, whatever it asks for. Whoever sits already is counted as if nobody sat. */
export function coresOf({ topology, settings }: Pick<Placement, 'topology' | 'settings'>): CoresPort | undefined {
  const { exclusive, isolated } = capacity(topology, place(topology, [], NOBODY, settings), settings);
  const all = exclusive + isolated;
  return all === 0 ? undefined : { capacity: () => all, of: (spec) => seatRequest(spec, 0).exclusive };
}
