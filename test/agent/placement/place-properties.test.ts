// What holds on every machine, for every set of workloads, in whatever order they came.

import test from 'ava';
import type { Topology } from '../../../agent/host/topology.js';
import { NOBODY, place, roomFor } from '../../../agent/placement/place.js';
import type { Assignment, PlacementRequest, PlacementSettings } from '../../../agent/placement/types.js';
import { fc } from '../../runner/property.js';
import { machine } from '../host/machine.js';
import { cpusOf, requestsOf, settingsOf, shapes } from './fixture.js';

const cases = fc.record({ shape: shapes, settings: settingsOf, requests: requestsOf });
const RUNS = { numRuns: 400 };

/** One after the other, as they come in life. */
function arrive(
  topology: Topology,
  requests: readonly PlacementRequest[],
  settings: PlacementSettings,
): { assignment: Assignment; present: PlacementRequest[] } {
  let assignment = place(topology, [], NOBODY, settings);
  const present: PlacementRequest[] = [];
  for (const request of requests) {
    if (roomFor(topology, present, assignment, settings, request) !== undefined) continue;
    present.push(request);
    assignment = place(topology, present, assignment, settings);
  }
  return { assignment, present };
}

function wrongIn(topology: Topology, { smt }: PlacementSettings, assignment: Assignment): string[] {
  const { seats, pool, reserved } = assignment;
  const wrong: string[] = [];
  const coreOf = new Map(topology.cpus.map(({ id, core }) => [id, core]));
  if (pool.length === 0) wrong.push('the pool is empty');
  if (reserved.length === 0) wrong.push('nothing is kept for the host');
  for (const seat of seats.values()) {
    if (seat.cpus.some((cpu) => !coreOf.has(cpu))) wrong.push(`${seat.id} is on a cpu that is not there`);
    if (seat.kind !== 'exclusive') continue;
    if (seat.cpus.some((cpu) => !seat.held.includes(cpu))) wrong.push(`${seat.id} does not hold its cpus`);
    if (seat.held.some((cpu) => pool.includes(cpu))) wrong.push(`${seat.id} shares with the pool`);
    if (seat.held.some((cpu) => reserved.includes(cpu))) wrong.push(`${seat.id} holds what is reserved`);
    for (const other of seats.values()) {
      if (other.id === seat.id) continue;
      if (other.cpus.some((cpu) => seat.held.includes(cpu))) wrong.push(`${other.id} is on cpus of ${seat.id}`);
      const cores = new Set(seat.held.map((cpu) => coreOf.get(cpu)));
      if (smt === 'core' && other.cpus.some((cpu) => cores.has(coreOf.get(cpu))))
        wrong.push(`${other.id} is on a sibling of ${seat.id}`);
    }
    const cores = new Set(seat.held.map((cpu) => coreOf.get(cpu)));
    if (smt === 'core' && pool.some((cpu) => cores.has(coreOf.get(cpu))))
      wrong.push(`the pool is on a sibling of ${seat.id}`);
  }
  return wrong;
}

test('what is exclusive is nobody else’s, and somebody serves the host', (t) => {
  fc.assert(
    fc.property(cases, ({ shape, settings, requests }) => {
      const topology = machine(shape);
      t.deepEqual(wrongIn(topology, settings, place(topology, requests, NOBODY, settings)), []);
      t.deepEqual(wrongIn(topology, settings, arrive(topology, requests, settings).assignment), []);
    }),
    RUNS,
  );
});

test('who was admitted sits, with the number it asked for, and nobody else moved', (t) => {
  fc.assert(
    fc.property(cases, ({ shape, settings, requests }) => {
      const topology = machine(shape);
      let assignment = NOBODY;
      const present: PlacementRequest[] = [];
      for (const request of requests) {
        if (roomFor(topology, present, assignment, settings, request) !== undefined) continue;
        present.push(request);
        const next = place(topology, present, assignment, settings);
        for (const [id, seat] of assignment.seats) t.deepEqual(next.seats.get(id), seat);
        if (request.exclusive > 0) t.is(cpusOf(next, request.id)?.length, request.exclusive);
        t.is(next.refused.size, 0);
        assignment = next;
      }
    }),
    RUNS,
  );
});

test('leaving moves nobody, and gives back what was taken', (t) => {
  fc.assert(
    fc.property(cases, fc.nat(), ({ shape, settings, requests }, which) => {
      const topology = machine(shape);
      const { assignment, present } = arrive(topology, requests, settings);
      const gone = present[which % Math.max(1, present.length)];
      if (gone === undefined) return;
      const left = present.filter((request) => request !== gone);
      const after = place(topology, left, assignment, settings);
      for (const { id } of left) t.deepEqual(after.seats.get(id), assignment.seats.get(id));
      t.is(roomFor(topology, left, after, settings, gone), undefined);
    }),
    RUNS,
  );
});

test('the order in which they are given does not matter', (t) => {
  fc.assert(
    fc.property(cases, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), ({ shape, settings, requests }, keys) => {
      const topology = machine(shape);
      const shuffled = requests
        .map((request, at) => ({ request, key: keys[at] ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ request }) => request);
      const one = place(topology, requests, NOBODY, settings);
      const two = place(topology, shuffled, NOBODY, settings);
      t.deepEqual(two.pool, one.pool);
      for (const { id } of requests) t.deepEqual(two.seats.get(id), one.seats.get(id));
    }),
    RUNS,
  );
});

test('placing again changes nothing', (t) => {
  fc.assert(
    fc.property(cases, ({ shape, settings, requests }) => {
      const topology = machine(shape);
      const one = place(topology, requests, NOBODY, settings);
      const two = place(topology, requests, one, settings);
      t.deepEqual(two.pool, one.pool);
      for (const [id, seat] of one.seats) t.deepEqual(two.seats.get(id)?.cpus, seat.cpus);
    }),
    RUNS,
  );
});

test('other settings and cpus that went away leave nothing wrong behind', (t) => {
  fc.assert(
    fc.property(cases, settingsOf, shapes, ({ shape, settings, requests }, others, lost) => {
      const { assignment, present } = arrive(machine(shape), requests, settings);
      const topology = machine({ ...shape, offline: lost.offline ?? [], isolated: [] });
      t.deepEqual(wrongIn(topology, others, place(topology, present, assignment, others)), []);
    }),
    RUNS,
  );
});

test('a refusal says how many are missing, and with so many fewer it would be none', (t) => {
  fc.assert(
    fc.property(cases, ({ shape, settings, requests }) => {
      const topology = machine(shape);
      const { assignment, present } = arrive(topology, requests, settings);
      for (const request of requests) {
        const refusal = roomFor(topology, present, assignment, settings, { ...request, id: 'new' });
        if (refusal?.dimension !== 'exclusive_cpus') continue;
        const { limit, used, requested, shortBy } = refusal;
        t.is(requested, request.exclusive);
        t.true(Number(used) >= 0 && Number(used) <= Number(limit));
        t.true(Number(shortBy) > 0 && Number(shortBy) <= request.exclusive);
        const fewer = { ...request, id: 'new', exclusive: request.exclusive - Number(shortBy) };
        t.is(roomFor(topology, present, assignment, settings, fewer), undefined);
      }
    }),
    RUNS,
  );
});
