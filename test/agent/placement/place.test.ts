import test from 'ava';
import { roomFor } from '../../../agent/placement/place.js';
import { machine, type Shape } from '../host/machine.js';
import { alone, cpusOf, naming, placed, SETTINGS, sharing } from './fixture.js';

const PLAIN: Shape = { coresPerCache: 8 };
const SMT: Shape = { coresPerCache: 4, threads: 2 };
const TWO: Shape = { sockets: 2, coresPerCache: 4, threads: 2 };
const EPYC: Shape = { cachesPerNode: 4, coresPerCache: 4 };

test('a whole limit is that many cpus, the reserved one stays in the pool', (t) => {
  const assignment = placed(PLAIN, [alone('a', 3), sharing('b')]);
  t.deepEqual(cpusOf(assignment, 'a'), [1, 2, 3]);
  t.deepEqual(assignment.pool, [0, 4, 5, 6, 7]);
  t.deepEqual(assignment.reserved, [0]);
  t.false(assignment.seats.has('b'));
  t.regex(
    assignment.seats.get('a')?.reason ?? '',
    /^Class guaranteed with a cpu limit of 3: 3 exclusive cpus in one last-level cache$/,
  );
});

test('physical cores are taken whole, siblings together', (t) => {
  const assignment = placed(SMT, [alone('a', 4)]);
  t.deepEqual(cpusOf(assignment, 'a'), [1, 2, 5, 6]);
  t.deepEqual(assignment.pool, [0, 3, 4, 7]);
  t.deepEqual(assignment.reserved, [0, 4]);
});

test('smt "core": an odd number holds the last sibling, idle', (t) => {
  const assignment = placed(SMT, [alone('a', 3), alone('b', 1)]);
  const a = assignment.seats.get('a');
  t.deepEqual(a?.cpus, [1, 2, 5]);
  t.deepEqual(a?.held, [1, 2, 5, 6]);
  t.regex(a?.reason ?? '', /1 sibling thread kept idle/);
  t.deepEqual(cpusOf(assignment, 'b'), [3]);
  t.deepEqual(assignment.pool, [0, 4]);
});

test('smt "thread": halves of broken cores are used before another is broken', (t) => {
  const assignment = placed(SMT, [alone('a', 3), alone('b', 1), alone('c', 2)], { smt: 'thread' });
  t.deepEqual(cpusOf(assignment, 'a'), [1, 4, 5]);
  t.deepEqual(cpusOf(assignment, 'c'), [2, 6]);
  t.deepEqual(cpusOf(assignment, 'b'), [3]);
  t.deepEqual(assignment.reserved, [0]);
});

test('one last-level cache, the one where it fits best', (t) => {
  const first = placed(EPYC, [alone('a', 4)]);
  t.deepEqual(cpusOf(first, 'a'), [4, 5, 6, 7]);
  // Three fit beside the reserved one, and leave the whole caches for bigger ones.
  t.deepEqual(cpusOf(placed(EPYC, [alone('a', 3)]), 'a'), [1, 2, 3]);
  const second = placed(EPYC, [alone('a', 4), alone('b', 2), alone('c', 4)]);
  t.deepEqual(
    [cpusOf(second, 'b'), cpusOf(second, 'c')],
    [
      [1, 2],
      [8, 9, 10, 11],
    ],
  );
});

test('what is bigger than a cache takes whole ones', (t) => {
  t.deepEqual(cpusOf(placed(EPYC, [alone('a', 6)]), 'a'), [1, 2, 4, 5, 6, 7]);
  t.deepEqual(cpusOf(placed(EPYC, [alone('a', 9)]), 'a'), [1, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('one NUMA node before two; with numa "prefer" both if need be', (t) => {
  // Cores 0-3 are node 0, and 0 is reserved.
  t.deepEqual(cpusOf(placed(TWO, [alone('a', 8)]), 'a'), [4, 5, 6, 7, 12, 13, 14, 15]);
  t.deepEqual(cpusOf(placed(TWO, [alone('a', 10)]), 'a'), [1, 4, 5, 6, 7, 9, 12, 13, 14, 15]);
  t.deepEqual(placed(TWO, [alone('a', 8)]).seats.get('a')?.mems, [1]);
});

test('the second half goes to the nearest node', (t) => {
  const shape: Shape = { sockets: 2, nodesPerSocket: 2, coresPerCache: 4 };
  const full = [alone('x', 3), alone('y', 4)];
  const one = placed(shape, full);
  t.deepEqual(
    [cpusOf(one, 'x'), cpusOf(one, 'y')],
    [
      [1, 2, 3],
      [4, 5, 6, 7],
    ],
  );
  t.deepEqual(cpusOf(placed(shape, [...full, alone('a', 6)], {}, one), 'a'), [8, 9, 10, 11, 12, 13]);
});

test('numa "single" refuses what no node can hold, with the figures', (t) => {
  const { refused, seats } = placed(TWO, [alone('a', 10)], { numa: 'single' });
  t.like(refused.get('a'), {
    code: 'admission_refused',
    dimension: 'exclusive_cpus',
    limit: 14,
    used: 0,
    requested: 10,
    shortBy: 2,
    reason: 'it needs 10 exclusive cpus; 14 of 14 are free, and of these 8 on one NUMA node',
  });
  t.is(seats.get('a')?.kind, 'shared');
});

test('numa "none" packs without regard to nodes and binds no memory', (t) => {
  t.is(placed(TWO, [alone('a', 8)], { numa: 'none' }).seats.get('a')?.mems, null);
});

test('memory nodes that a spec names are where its cpus are looked for', (t) => {
  t.deepEqual(cpusOf(placed(TWO, [alone('a', 2, { mems: [1] })]), 'a'), [4, 12]);
  t.deepEqual(cpusOf(placed(TWO, [alone('a', 2, { mems: [0] })]), 'a'), [1, 9]);
  // The spec's own word is among the spec's values.
  t.is(placed(TWO, [alone('a', 2, { mems: [1] })]).seats.get('a')?.mems, null);
  const { refused } = placed(TWO, [alone('a', 8, { mems: [0] })], { numa: 'single' });
  t.like(refused.get('a'), { requested: 8, shortBy: 2 });
  t.like(placed(TWO, [alone('a', 2, { mems: [2] })]).refused.get('a'), {
    dimension: 'mems',
    limit: '0-1',
    shortBy: '2',
  });
});

test('memory is bound where it fits beside what others are promised', (t) => {
  const shape: Shape = { ...TWO, nodeBytes: 8 * 2 ** 30 };
  const gib = (n: number) => ({ memory: n * 2 ** 30 });
  t.deepEqual(placed(shape, [alone('a', 2, gib(8))]).seats.get('a')?.mems, [0]);
  t.is(placed(shape, [alone('a', 2, gib(9))]).seats.get('a')?.mems, null);
  // Half of what is not bound is counted on each of two equal nodes.
  t.deepEqual(placed(shape, [alone('a', 2, gib(6)), sharing('b', gib(4))]).seats.get('a')?.mems, [0]);
  t.is(placed(shape, [alone('a', 2, gib(7)), sharing('b', gib(4))]).seats.get('a')?.mems, null);
  const two = placed(shape, [alone('a', 2, gib(5)), alone('b', 2, gib(3)), alone('c', 2, gib(1))]);
  t.deepEqual(
    ['a', 'b', 'c'].map((id) => two.seats.get(id)?.mems),
    [[0], null, [0]],
  );
});

test('a list in the spec is obeyed among those that share, and kept from those that want to be alone', (t) => {
  const one = placed(PLAIN, [naming('n', [1, 2])]);
  t.like(one.seats.get('n'), { kind: 'listed', cpus: [1, 2], held: [] });
  const two = placed(PLAIN, [naming('n', [1, 2]), naming('m', [2]), alone('a', 5)], {}, one);
  t.deepEqual(cpusOf(two, 'a'), [3, 4, 5, 6, 7]);
  t.deepEqual(two.pool, [0, 1, 2]);
  t.is(two.refused.size, 0);
  t.like(roomFor(machine(PLAIN), [naming('n', [1, 2])], one, SETTINGS, alone('b', 6)), {
    limit: 7,
    used: 2,
    requested: 6,
    shortBy: 1,
    holder: 'n',
  });
});

test('a list that meets an exclusive cpu is refused, and names the holder', (t) => {
  const one = placed(PLAIN, [alone('a', 2)]);
  const refusal = roomFor(machine(PLAIN), [alone('a', 2)], one, SETTINGS, naming('n', [2, 3]));
  t.like(refusal, {
    dimension: 'cpus',
    limit: '0,3-7',
    requested: '2-3',
    shortBy: '2',
    holder: 'a',
    reason: 'cpus 2 are held exclusively by a',
  });
  t.like(roomFor(machine(PLAIN), [], one, SETTINGS, naming('n', [7, 8])), { limit: '0-7', shortBy: '8' });
});

test('isolated cpus are shared by nobody, and given to VMs first', (t) => {
  const shape: Shape = { ...PLAIN, isolated: [6, 7] };
  const assignment = placed(shape, [alone('vm', 2, { vcpus: 2 }), alone('a', 5), alone('b', 1)]);
  t.deepEqual(cpusOf(assignment, 'vm'), [6, 7]);
  t.deepEqual(cpusOf(assignment, 'a'), [1, 2, 3, 4, 5]);
  t.is(cpusOf(assignment, 'b'), undefined);
  t.deepEqual(assignment.pool, [0]);
  t.like(placed(shape, [alone('a', 6)]).refused.get('a'), { limit: 5, requested: 6, shortBy: 1 });
});

test('growing takes what is near and moves nothing; shrinking keeps what is together', (t) => {
  const one = placed(EPYC, [alone('a', 2), alone('b', 4)]);
  t.deepEqual(
    [cpusOf(one, 'a'), cpusOf(one, 'b')],
    [
      [1, 2],
      [4, 5, 6, 7],
    ],
  );
  const two = placed(EPYC, [alone('a', 5), alone('b', 4)], {}, one);
  t.deepEqual(
    [cpusOf(two, 'a'), cpusOf(two, 'b')],
    [
      [1, 2, 3, 8, 9],
      [4, 5, 6, 7],
    ],
  );
  t.deepEqual(cpusOf(placed(EPYC, [alone('a', 2), alone('b', 4)], {}, two), 'a'), [8, 9]);
  t.deepEqual(cpusOf(placed(EPYC, [alone('a', 3), alone('b', 4)], {}, two), 'a'), [1, 2, 3]);
});

test('a cpu that went away is replaced, and only it', (t) => {
  const one = placed(PLAIN, [alone('a', 2), alone('b', 2)]);
  t.deepEqual(
    [cpusOf(one, 'a'), cpusOf(one, 'b')],
    [
      [1, 2],
      [3, 4],
    ],
  );
  const two = placed({ ...PLAIN, offline: [2] }, [alone('a', 2), alone('b', 2)], {}, one);
  t.deepEqual(
    [cpusOf(two, 'a'), cpusOf(two, 'b')],
    [
      [1, 5],
      [3, 4],
    ],
  );
});

test('who does not fit any more shares, and it is said why', (t) => {
  const one = placed(PLAIN, [alone('a', 4), alone('b', 3)]);
  const two = placed({ coresPerCache: 4 }, [alone('a', 4), alone('b', 3)], {}, one);
  t.is(cpusOf(two, 'a'), undefined);
  t.regex(two.seats.get('a')?.reason ?? '', /^Class guaranteed .*, but it needs 4 exclusive cpus; 0 of 3 are free$/);
  t.deepEqual(cpusOf(two, 'b'), [1, 2, 3]);
  t.deepEqual(two.pool, [0]);
});

test('policy "none" and a missing controller leave everybody where they are', (t) => {
  for (const [more, reason] of [
    [{ policy: 'none' as const }, /placement.policy is "none"$/],
    [{ cpuset: false }, /the cpuset controller is missing$/],
  ] as const) {
    const assignment = placed(PLAIN, [alone('a', 2)], more);
    t.is(assignment.pool.length, 8);
    t.is(assignment.refused.size, 0);
    t.regex(assignment.seats.get('a')?.reason ?? '', reason);
  }
});

test('a host of one cpu gives none away', (t) => {
  const { pool, refused } = placed({ coresPerCache: 1 }, [alone('a', 1)], { reserved: 0 });
  t.deepEqual(pool, [0]);
  t.like(refused.get('a'), { limit: 0, requested: 1, shortBy: 1 });
});
