// Whatever the pressure does and whoever is there: what the ladder promises.
import test, { type ExecutionContext } from 'ava';
import { calm, decide } from '../../../agent/pressure/ladder.js';
import type { Action, Candidate, LadderState, Resource } from '../../../agent/pressure/types.js';
import { fc, holds } from '../../runner/property.js';
import { CALM, candidate, GIB, MIB, reading, settings } from './fixture.js';

const classes = ['guaranteed', 'burstable', 'besteffort'] as const;
const anyCandidate = fc
  .record({
    ...{ class: fc.constantFrom(...classes), priority: fc.integer({ min: 0, max: 3 }), canBalloon: fc.boolean() },
    usage: fc.record({
      memory: fc.integer({ min: 0, max: 2 * GIB }),
      growth: fc.integer({ min: -MIB, max: 100 * MIB }),
      reclaimable: fc.integer({ min: 0, max: GIB }),
      cpu: fc.double({ min: 0, max: 4, noNaN: true }),
      io: fc.integer({ min: 0, max: 100 * MIB }),
    }),
  })
  .map(({ usage, ...more }) => ({ more, usage }));
const anyone = fc
  .array(anyCandidate, { minLength: 1, maxLength: 8 })
  .map((list) => list.map(({ more, usage }, index) => candidate(`w${index}`, more, usage)));
const stall = fc.oneof(
  fc.record({ some: fc.integer({ min: 0, max: 1000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  // Without a heavy one no run would ever come to the last steps.
  fc.record({ some: fc.integer({ min: 600, max: 1000 }), share: fc.double({ min: 0.6, max: 1, noNaN: true }) }),
);
const anyReading = fc
  .record({ stall, available: fc.constantFrom(2 * GIB, 100 * MIB), quiet: fc.boolean() })
  .map(({ stall: { some, share }, available, quiet }) =>
    quiet ? CALM : reading({ some, full: some * share }, { available: { bytes: available, total: 4 * GIB } }),
  );
const anyRun = fc.record({
  ...{
    everyone: anyone,
    // What lasts is what the ladder climbs on: a reading stays for a while.
    readings: fc.array(
      fc.record({
        reading: anyReading,
        ms: fc.integer({ min: 50, max: 5000 }),
        times: fc.integer({ min: 1, max: 30 }),
      }),
      { minLength: 2, size: 'max', maxLength: 20 },
    ),
  },
  ...{ resource: fc.constantFrom<Resource>('memory', 'cpu', 'io'), spareNobody: fc.boolean() },
});

interface Step {
  readonly action: Action;
  readonly at: number;
  readonly there: readonly Candidate[];
}

function play({ everyone, readings, resource, spareNobody }: typeof anyRun extends fc.Arbitrary<infer T> ? T : never) {
  const how = settings(spareNobody ? { spare: [], kill_after: '2s', freeze_after: '0s' } : {}, 'host', resource);
  const steps: Step[] = [];
  let there: readonly Candidate[] = everyone;
  let state: LadderState = calm(0);
  let now = 0;
  const go = (now: number, read: (typeof readings)[number]['reading']): void => {
    const decision = decide(state, read, there, how, now);
    state = decision.state;
    for (const action of decision.actions) {
      steps.push({ action, at: now, there });
      if (action.kind === 'kill') there = there.filter(({ id }) => id !== action.target);
    }
  };
  for (const { reading: read, ms, times } of readings)
    for (let time = 0; time < times; time++) {
      now += ms;
      go(now, read);
    }
  const pressed = steps.length;
  for (let second = 0; second < 400; second++) {
    now += 1000;
    go(now, CALM);
  }
  return { steps, pressed, state, how };
}

/** Counts what all runs of a property saw: a ladder that takes no step must not pass. */
function counted(steps: readonly Step[], seen: Map<string, number>): void {
  for (const { action } of steps) seen.set(action.kind, (seen.get(action.kind) ?? 0) + 1);
}

function happened(t: ExecutionContext, seen: ReadonlyMap<string, number>, ...kinds: readonly string[]): void {
  const figures = JSON.stringify(Object.fromEntries(seen));
  for (const kind of kinds) t.true((seen.get(kind) ?? 0) >= 5, `${kind} was taken in several runs: ${figures}`);
}

test('no action on a guaranteed workload while there is any other, and for cpu and io on besteffort alone', (t) => {
  const seen = new Map<string, number>();
  holds(
    t,
    fc.property(anyRun, (one) => {
      const { steps } = play(one);
      counted(steps, seen);
      for (const { action, there } of steps) {
        const target = there.find(({ id }) => id === action.target);
        if (one.resource !== 'memory') t.is(target?.class, 'besteffort');
        else if (target?.class === 'guaranteed') t.true(there.every((other) => other.class === 'guaranteed'));
      }
    }),
  );
  happened(t, seen, 'suppress', 'reclaim', 'freeze', 'kill');
});

test('a kill takes nobody of a class above that of somebody who would do as well', (t) => {
  const order = { besteffort: 0, burstable: 1, guaranteed: 2 };
  const seen = new Map<string, number>();
  holds(
    t,
    fc.property(anyRun, (one) => {
      const { steps } = play({ ...one, resource: 'memory' });
      counted(steps, seen);
      for (const { action, there } of steps) {
        if (action.kind !== 'kill') continue;
        const target = there.find(({ id }) => id === action.target);
        const lower = there.filter(
          (c) => c.usage.memory >= 0.02 * 2 * GIB && order[c.class] < order[target?.class ?? 'besteffort'],
        );
        t.deepEqual(lower, []);
      }
    }),
  );
  happened(t, seen, 'kill');
});

test('between two kills lies the cool-down, and between two rungs theirs', (t) => {
  const seen = new Map<string, number>();
  holds(
    t,
    fc.property(anyRun, (one) => {
      const { steps, how } = play({ ...one, resource: 'memory' });
      counted(steps, seen);
      const up = steps.filter(({ action }) => !['release', 'deflate', 'thaw'].includes(action.kind));
      for (const [index, { action, at }] of up.entries()) {
        const before = up[index - 1];
        if (before === undefined || before.at === at) continue;
        t.true(at - before.at >= (before.action.kind === 'kill' ? how.afterKillMs : how.coolDownMs), action.kind);
      }
      t.is(
        new Set(up.filter(({ action }) => action.kind === 'kill').map(({ at }) => at)).size,
        up.filter(({ action }) => action.kind === 'kill').length,
      );
    }),
  );
  happened(t, seen, 'reclaim', 'freeze', 'kill');
});

test('after it has been calm for a while nothing is held, and nothing was done in that time but to undo', (t) => {
  const seen = new Map<string, number>();
  holds(
    t,
    fc.property(anyRun, (one) => {
      const { steps, pressed, state } = play(one);
      counted(steps, seen);
      t.deepEqual([state.level, state.applied], ['calm', []]);
      for (const { action } of steps.slice(pressed)) t.true(['release', 'deflate', 'thaw'].includes(action.kind));
      // Whoever was taken hold of and is still there was let go.
      const held = new Set<string>();
      for (const { action } of steps) {
        if (action.kind === 'suppress' || action.kind === 'freeze' || action.kind === 'balloon')
          held.add(`${action.applied.step} ${action.target}`);
        if (action.kind === 'release' && action.applied === null) held.delete(`suppress ${action.target}`);
        if (action.kind === 'thaw') held.delete(`freeze ${action.target}`);
        if (action.kind === 'deflate') held.delete(`balloon ${action.target}`);
        if (action.kind === 'kill') for (const key of held) if (key.endsWith(` ${action.target}`)) held.delete(key);
      }
      t.deepEqual([...held], []);
    }),
  );
  happened(t, seen, 'suppress', 'freeze', 'release', 'thaw');
});
