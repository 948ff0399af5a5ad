import test from 'ava';
import { type Action, nextStep, type Reading, type ShrinkState, stepSize } from '../../cgroups/shrink-plan.js';
import { fc } from '../runner/property.js';

const MIB = 1 << 20;

function start(target: number, limit: number | 'max' = 'max'): ShrinkState {
  const none = { poor: 0, asked: 0, before: undefined, window: undefined };
  return { target, slack: MIB, stepBytes: undefined, limit, ...none };
}

function seen(current: number, rest: Partial<Reading> = {}): Reading {
  return { atMs: 0, current, fullUsec: 0, maxEvents: 0, oomKills: 0, ...rest };
}

/** The decisions after each reading, up to the one that ends it. */
function run(state: ShrinkState, readings: readonly Reading[]): Action[] {
  const actions: Action[] = [];
  let now = state;
  for (const reading of readings) {
    const { state: next, action } = nextStep(now, reading);
    actions.push(action);
    now = next;
    if (action.kind !== 'reclaim') break;
  }
  return actions;
}

test('nothing has to be reclaimed when there is room', (t) => {
  t.deepEqual(run(start(64 * MIB), [seen(63 * MIB)]), [{ kind: 'done', limit: 64 * MIB }]);
});

test('steps are a share of the usage, never large, and the limit follows with a step of room', (t) => {
  t.is(stepSize(10 * MIB, undefined), 4 * MIB);
  t.is(stepSize(100 * MIB, undefined), 5 * MIB);
  t.is(stepSize(2 ** 40, undefined), 64 * MIB);
  t.is(stepSize(2 ** 40, 2 ** 35), 64 * MIB);
  t.deepEqual(run(start(50 * MIB), [seen(100 * MIB), seen(95 * MIB), seen(40 * MIB)]), [
    { kind: 'reclaim', bytes: 5 * MIB, limit: 105 * MIB },
    { kind: 'reclaim', bytes: 0.05 * 95 * MIB, limit: 1.05 * 95 * MIB },
    { kind: 'done', limit: 50 * MIB },
  ]);
});

test('two steps in a row that bring little end it, one does not', (t) => {
  const stuck = [seen(100 * MIB), seen(100 * MIB), seen(99.9 * MIB)];
  t.deepEqual(run(start(50 * MIB), stuck).at(-1), { kind: 'refused', why: 'futile' });
  const slow = [seen(100 * MIB), seen(100 * MIB), seen(96 * MIB), seen(96 * MIB), seen(40 * MIB)];
  t.is(run(start(50 * MIB), slow).at(-1)?.kind, 'done');
});

test('memory that comes back as fast as it is taken ends it', (t) => {
  const met = [seen(100 * MIB), seen(95 * MIB, { maxEvents: 5 }), seen(90 * MIB, { maxEvents: 9 })];
  t.deepEqual(run(start(50 * MIB), met).at(-1), { kind: 'refused', why: 'futile' });
});

test('a stall of more than 40 % of a second ends it, as soon as it is there', (t) => {
  const stalls = (fullUsec: number, atMs: number) =>
    run(start(50 * MIB), [seen(100 * MIB, { fullUsec: 7 }), seen(95 * MIB, { atMs, fullUsec: 7 + fullUsec })]).at(-1);
  t.deepEqual(stalls(400_001, 500), { kind: 'refused', why: 'stalled' });
  t.is(stalls(400_000, 500)?.kind, 'reclaim');
  // A slow step is a longer window.
  t.is(stalls(800_000, 2000)?.kind, 'reclaim');
  t.is(stalls(800_001, 2000)?.kind, 'refused');
});

test('stalls are added up within a window only', (t) => {
  const readings = Array.from({ length: 10 }, (_, at) =>
    seen((100 - at * 4) * MIB, { atMs: at * 500, fullUsec: at * 150_000 }),
  );
  t.true(run(start(50 * MIB), readings).every(({ kind }) => kind === 'reclaim'));
});

test('a kill ends it', (t) => {
  const killed = [seen(100 * MIB), seen(20 * MIB, { oomKills: 1 })];
  t.deepEqual(run(start(50 * MIB), killed).at(-1), { kind: 'refused', why: 'killed' });
});

test('whatever is seen, no limit is below the usage or the target, none rises, and no step is too large', (t) => {
  const readings = fc.array(
    fc.record({
      atMs: fc.constant(0),
      current: fc.nat({ max: 2 ** 36 }),
      fullUsec: fc.constant(0),
      maxEvents: fc.constant(0),
      oomKills: fc.constant(0),
    }),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(readings, fc.nat({ max: 2 ** 36 }), (list, target) => {
      let state = start(target);
      let limit = Number.POSITIVE_INFINITY;
      for (const reading of list) {
        const { state: next, action } = nextStep(state, reading);
        state = next;
        if (action.kind === 'refused') return;
        if (action.limit !== undefined) {
          t.true(action.limit >= target && action.limit >= reading.current + MIB);
          if (action.kind === 'reclaim') t.true(action.limit < limit);
          limit = action.limit;
        }
        if (action.kind === 'done') return;
        t.true(action.bytes > 0 && action.bytes <= 64 * MIB && action.bytes <= reading.current + MIB - target);
      }
    }),
  );
});
