// Requests and settings as short as tests want them.

import type { Topology } from '../../../agent/host/topology.js';
import { NOBODY, place } from '../../../agent/placement/place.js';
import type { Assignment, PlacementRequest, PlacementSettings } from '../../../agent/placement/types.js';
import { fc } from '../../runner/property.js';
import { machine, type Shape } from '../host/machine.js';

export const SETTINGS: PlacementSettings = { policy: 'static', smt: 'core', numa: 'prefer', reserved: 1, cpuset: true };

export function sharing(id: string, more: Partial<PlacementRequest> = {}): PlacementRequest {
  const request = { exclusive: 0, listed: null, mems: null, vcpus: 0, memory: 2 ** 30, because: 'class burstable' };
  return { id, tenant: 'default', class: 'burstable', priority: 100, ...request, ...more };
}

export function alone(id: string, exclusive: number, more: Partial<PlacementRequest> = {}): PlacementRequest {
  const because = `class guaranteed with a cpu limit of ${exclusive}`;
  return sharing(id, { class: 'guaranteed', exclusive, because, ...more });
}

export function naming(id: string, listed: readonly number[], more: Partial<PlacementRequest> = {}): PlacementRequest {
  return sharing(id, { listed, because: 'its spec names its cpus', ...more });
}

export interface Placed {
  readonly topology: Topology;
  readonly settings: PlacementSettings;
  readonly assignment: Assignment;
}

/** All at once on an empty machine. */
export function placed(
  shape: Shape,
  requests: readonly PlacementRequest[],
  more: Partial<PlacementSettings> = {},
  previous: Assignment = NOBODY,
): Assignment {
  return place(machine(shape), requests, previous, { ...SETTINGS, ...more });
}

export function cpusOf(assignment: Assignment, id: string): readonly number[] | undefined {
  const seat = assignment.seats.get(id);
  return seat?.kind === 'exclusive' ? seat.cpus : undefined;
}

export const shapes: fc.Arbitrary<Shape> = fc
  .record({
    sockets: fc.integer({ min: 1, max: 2 }),
    nodesPerSocket: fc.integer({ min: 1, max: 2 }),
    cachesPerNode: fc.integer({ min: 1, max: 2 }),
    coresPerCache: fc.integer({ min: 1, max: 4 }),
    threads: fc.integer({ min: 1, max: 2 }),
    offline: fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { maxLength: 3 }),
    isolated: fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { maxLength: 3 }),
  })
  .map((shape) => {
    const online = machine(shape).cpus.map(({ id }) => id);
    return { ...shape, isolated: shape.isolated.filter((cpu) => online.includes(cpu)) };
  });

export const settingsOf: fc.Arbitrary<PlacementSettings> = fc.record({
  policy: fc.constant('static' as const),
  smt: fc.constantFrom('core' as const, 'thread' as const),
  numa: fc.constantFrom('prefer' as const, 'single' as const, 'none' as const),
  reserved: fc.constantFrom(0, 0.5, 1, 2.5),
  cpuset: fc.constant(true),
});

/** Ids are w0, w1, ... */
export const requestsOf: fc.Arbitrary<PlacementRequest[]> = fc
  .array(
    fc.record({
      tenant: fc.constantFrom('a', 'b'),
      priority: fc.constantFrom(50, 100),
      exclusive: fc.integer({ min: 0, max: 5 }),
      listed: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 3 }), { freq: 5 }),
      vcpus: fc.constantFrom(0, 2),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ listed, exclusive, ...more }, at) =>
      listed === null ? alone(`w${at}`, exclusive, more) : naming(`w${at}`, listed, more),
    ),
  );
