import test from 'ava';
import { adjust, type Bound, firstBound, placesOf } from '../../../../agent/density/governor/bound.js';
import { fc } from '../../../runner/property.js';
import { settingsOf } from './fixture.js';

const settings = settingsOf();
const at = (now: number, settling = 16, limited = true) => ({ now, settling, limited, cores: settling });

test('calm, the bound doubles while somebody waits, up to its most, and stays as it is while nobody does', (t) => {
  let bound = firstBound(settings);
  t.is(placesOf(bound), 16);
  t.is(placesOf(adjust(bound, { cpu: 0.1 }, at(0, 3, false), settings).bound), 16);
  bound = adjust(bound, {}, at(0), settings).bound;
  t.is(placesOf(bound), 32);
  for (let now = 250; now < 2000; now += 250) bound = adjust(bound, {}, at(now), settings).bound;
  t.is(placesOf(bound), settings.maxSettling);
});

test('pressure lowers it by a factor once a second, from what settles, down to eight, or two for each cpu; then it grows by steps', (t) => {
  const first = adjust(firstBound(settings), { cpu: 0.9 }, at(0, 10), settings);
  t.deepEqual(first.decrease, { signal: 'cpu', value: 0.9, limit: 0.6, boundBefore: 16, bound: 8 });
  const soon = adjust(first.bound, { cpu: 0.9 }, at(250, 8), settings);
  t.deepEqual([placesOf(soon.bound), soon.decrease], [8, undefined]);
  let { bound } = first;
  for (let now = 1000; now < 20_000; now += 1000) bound = adjust(bound, { cpu: 1 }, at(now, 8), settings).bound;
  t.is(placesOf(bound), 8, 'fewer would leave a cpu idle');
  bound = adjust(bound, { cpu: 0.2 }, at(20_250, 8), settings).bound;
  t.is(placesOf(bound), 9, 'a step, and not twice as many');
});

test('the disk is given back to others down to one start; memory at once, and at the wall not one begins', (t) => {
  let bound = firstBound(settings);
  for (let now = 0; now < 20_000; now += 1000) bound = adjust(bound, { io: 0.9 }, at(now), settings).bound;
  t.is(placesOf(bound), 1);
  const pressed = adjust(firstBound(settings), { memory: 0.2, cpu: 1 }, at(0), settings);
  t.like(pressed.decrease, { signal: 'memory', bound: 1 });
  t.is(placesOf(pressed.bound), 1);
  const wall = adjust(pressed.bound, { memory: 0.5 }, at(250, 1), settings);
  t.is(placesOf(wall.bound), 0);
  t.is(placesOf(adjust(wall.bound, { memory: 0.2 }, at(500, 0), settings).bound), 1, 'and again when it is over');
});

test('of several signals the one furthest above its limit is named', (t) => {
  const { decrease } = adjust(firstBound(settings), { cpu: 0.7, network: 150, io: 0.41 }, at(0), settings);
  t.like(decrease, { signal: 'network', limit: 100 });
});

test('pressure that no start has made lowers nothing', (t) => {
  const bound = firstBound(settings);
  const { bound: after, decrease } = adjust(bound, { cpu: 1, io: 1 }, at(0, 0), settings);
  t.deepEqual([placesOf(after), decrease], [16, undefined]);
});

test('a queue for the cpus is none of theirs while those that settle want less than half of the cpus', (t) => {
  const some = { now: 0, settling: 16, limited: true };
  const { bound, decrease } = adjust(firstBound(settings), { cpu: 1 }, { ...some, cores: 1 }, settings);
  t.deepEqual([placesOf(bound), decrease], [32, undefined]);
  t.like(adjust(firstBound(settings), { cpu: 1 }, { ...some, cores: 1.1 }, settings).decrease, { signal: 'cpu' });
});

const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
const latency = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined });
const signals = fc.record({ ...{ cpu: share, io: share, memory: share }, network: latency, start: latency });
const activity = fc.record({ pause: fc.nat(3000), settling: fc.nat(5000), limited: fc.boolean(), cores: fc.nat(300) });

test('whatever is measured, the bound is never below one nor above its most, falls at most once a second and says when', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(signals, activity), { maxLength: 100 }),
      fc.integer({ min: 1, max: 128 }),
      fc.nat(300),
      (steps, cores, max_settling) => {
        const of = settingsOf({ max_settling }, cores);
        let bound: Bound = firstBound(of);
        let now = 0;
        let fell = Number.NEGATIVE_INFINITY;
        for (const [measured, { pause, ...activity }] of steps) {
          now += pause;
          const before = bound;
          const { bound: after, decrease } = adjust(before, measured, { now, ...activity }, of);
          bound = after;
          t.true(bound.value >= 1 && bound.value <= of.maxSettling);
          t.is(decrease !== undefined, Math.floor(bound.value) < Math.floor(before.value));
          if (bound.closed) t.true((measured.memory ?? 0) > (of.limits.memory ?? 1));
          if (decrease === undefined) continue;
          t.true(now - fell >= 1000);
          fell = now;
          t.deepEqual([decrease.boundBefore, decrease.bound], [Math.floor(before.value), Math.floor(bound.value)]);
        }
      },
    ),
  );
});
