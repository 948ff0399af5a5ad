// Who sits where: pure, and a function of the sets that it is given, not of their order. What sits stays as long as it
// may; then come those that name their cpus, then the rest, the more important and the bigger first.
import type { Topology } from '../host/topology.js';
import { Draft } from './draft.js';
import { isParticular } from './request.js';
import type { Assignment, PlacementRefusal, PlacementRequest, PlacementSettings, Seat } from './types.js';

export const NOBODY: Assignment = { seats: new Map(), pool: [], reserved: [], refused: new Map() };

/** Deterministic. Whoever cannot have what it asks for shares, and is in `refused`. */
export function place(
  topology: Topology,
  requests: readonly PlacementRequest[],
  previous: Assignment,
  settings: PlacementSettings,
): Assignment {
  const draft = new Draft(topology, requests, settings);
  const alone = settings.policy === 'static' && settings.cpuset;
  const ordered = requests.filter(({ exclusive, listed }) => exclusive > 0 || listed !== null).sort(byImportance);
  const seatOf = (request: PlacementRequest, kind: Seat['kind']): Seat | undefined => {
    const seat = previous.seats.get(request.id);
    return seat?.kind === kind ? seat : undefined;
  };
  const listed = ordered.filter((request) => request.listed !== null);
  const exclusive = ordered.filter((request) => request.listed === null && alone);
  for (const request of listed) if (seatOf(request, 'listed') !== undefined) draft.list(request);
  // First what each keeps, for all: nobody may grow into what another sits on.
  for (const request of exclusive) draft.keep(request, seatOf(request, 'exclusive'));
  for (const request of listed) if (seatOf(request, 'listed') === undefined) draft.list(request);
  const sits = (request: PlacementRequest): boolean => seatOf(request, 'exclusive') !== undefined;
  let waiting = [...exclusive.filter(sits), ...exclusive.filter((request) => !sits(request))];
  // One that cannot have what it asks for gives up what it had, and another may fit after all, one before it as well.
  for (let before = Number.NaN; waiting.length > 0 && before !== waiting.length + draft.keeping; ) {
    before = waiting.length + draft.keeping;
    waiting = waiting.filter((request) => !draft.choose(request));
  }
  return draft.assignment();
}

/**
 * Why `request` would not get what it asks for, or undefined. What its id holds now is not counted against it. The same
 * computation as the placing itself, so that the two cannot disagree.
 */
export function roomFor(
  topology: Topology,
  requests: readonly PlacementRequest[],
  current: Assignment,
  settings: PlacementSettings,
  request: PlacementRequest,
): PlacementRefusal | undefined {
  if (!isParticular(request)) return undefined;
  const others = requests.filter(({ id }) => id !== request.id);
  return place(topology, [...others, request], current, settings).refused.get(request.id);
}

/** Where a workload with this seat may run. */
export function cpusOf(seat: Seat, { pool }: Pick<Assignment, 'pool'>): readonly number[] {
  return seat.kind === 'shared' ? pool : seat.cpus;
}

function byImportance(a: PlacementRequest, b: PlacementRequest): number {
  return b.priority - a.priority || b.exclusive - a.exclusive || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
