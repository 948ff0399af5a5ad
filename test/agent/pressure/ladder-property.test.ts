// Whatever the pressure does and whoever is there: what the ladder promises.
import test from 'ava';
import fc from 'fast-check';
import { calm, decide } from '../../../agent/pressure/ladder.js';
import type { Action, Candidate, LadderState, Resource } from '../../../agent/pressure/types.js';
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
const stall = fc.record({ some: fc.integer({ min: 0, max: 1000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) });
const anyReading = fc
  .record({ stall, available: fc.constantFrom(2 * GIB, 100 * MIB), quiet: fc.boolean() })
  .map(({ stall: { some, share }, available, quiet }) =>
    quiet ? CALM : reading({ some, full: some * share }, { available: { bytes: available, total: 4 * GIB } }),
  );
const anyRun = fc.record({
  ...{
    everyone: anyone,
    readings: fc.array(fc.record({ reading: anyReading, ms: fc.integer({ min: 50, max: 5000 }) })),
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
  for (const { reading: read, ms } of readings) {
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

test('no action on a guaranteed workload while there is any other, and for cpu and io on besteffort alone', (t) => {
  fc.assert(
    fc.property(anyRun, (one) => {
      for (const { action, there } of play(one).steps) {
        const target = there.find(({ id }) => id === action.target);
        if (one.resource !== 'memory') t.is(target?.class, 'besteffort');
        else if (target?.class === 'guaranteed') t.true(there.every((other) => other.class === 'guaranteed'));
      }
    }),
  );
  t.pass();
});

test('a kill takes nobody of a class above that of somebody who would do as well', (t) => {
  const order = { besteffort: 0, burstable: 1, guaranteed: 2 };
  fc.assert(
    fc.property(anyRun, (one) => {
      for (const { action, there } of play({ ...one, resource: 'memory' }).steps) {
        if (action.kind !== 'kill') continue;
        const target = there.find(({ id }) => id === action.target);
        const lower = there.filter(
          (c) => c.usage.memory >= 0.02 * 2 * GIB && order[c.class] < order[target?.class ?? 'besteffort'],
        );
        t.deepEqual(lower, []);
      }
    }),
  );
  t.pass();
});

test('between two kills lies the cool-down, and between two rungs theirs', (t) => {
  fc.assert(
    fc.property(anyRun, (one) => {
      const { steps, how } = play({ ...one, resource: 'memory' });
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
  t.pass();
});

test('after it has been calm for a while nothing is held, and nothing was done in that time but to undo', (t) => {
  fc.assert(
    fc.property(anyRun, (one) => {
      const { steps, pressed, state } = play(one);
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
  t.pass();
});
