import test from 'ava';
import { fc } from '../../../runner/property.js';
import { newGovernor, settingsOf } from './fixture.js';

test('defaults follow the cores', (t) => {
  t.like(settingsOf({}, 2), { rate: 4, ceiling: 10, floor: 1, burst: 4, inFlight: 2, maxQueue: 240 });
  t.like(settingsOf({}, 64), { rate: 128, ceiling: 320, inFlight: 32, maxQueue: 7680 });
  t.throws(() => settingsOf({ rate: 9 }), { message: /governor.ceiling/ });
});

test('a burst begins at once, no more than the cap at a time, and then it goes by the rate', async (t) => {
  const { clock, granted, ask } = newGovernor({ in_flight: 4, burst: 6 });
  for (let i = 0; i < 20; i++) ask(`w${i}`);
  await clock.runUntil(0);
  t.is(granted.length, 4);
  for (const { release } of granted.splice(0)) release(true);
  await clock.runUntil(0);
  t.is(granted.length, 2, 'the rest of the burst');
  for (const { release } of granted.splice(0)) release(true);
  await clock.runUntil(999);
  t.is(granted.length, 3, 'four a second');
});

test('a refusal says how long the queue is and when to come again; those in it are not touched', async (t) => {
  const { governor, clock, granted, events, ask } = newGovernor({ max_queue: 3, burst: 1, in_flight: 1 });
  for (let i = 0; i < 4; i++) {
    governor.requireRoom({ id: `w${i}`, tenant: 'acme', priority: 1 });
    ask(`w${i}`, { kind: 'cold' });
  }
  await clock.runUntil(0);
  const error = t.throws(() => governor.requireRoom({ id: 'late', tenant: 'acme', priority: 1 }), {
    code: 'start_queue_full',
  });
  t.like(error, { data: { queued: 3, maxQueue: 3, rate: 4, retryAfterMs: 250 } });
  t.like(governor.status(), { queued: 3, totals: { refused: 1 } });
  t.true(events.some(({ type }) => type === 'start.refused'));
  ask('resumed');
  await clock.runUntil(1);
  t.is(governor.status().queued, 4, 'what ran before waits, however long the queue');
  t.is(granted.length, 1);
});

test('who leaves is gone at once, with its own reason, and the next one moves up', async (t) => {
  const { governor, clock, granted, failed, ask } = newGovernor({ burst: 1, in_flight: 1 });
  ask('a');
  const b = ask('b');
  ask('c');
  await clock.runUntil(0);
  t.is(governor.waiting('c')?.ahead, 1);
  t.deepEqual(
    [...governor.allWaiting()].map(([id, { ahead }]) => [id, ahead]),
    [
      ['b', 0],
      ['c', 1],
    ],
  );
  t.deepEqual(governor.allWaiting().get('c'), governor.waiting('c'));
  b.abort(new Error('deleted'));
  await clock.runUntil(1);
  t.deepEqual(
    failed.map(({ id, error }) => [id, String(error)]),
    [['b', 'Error: deleted']],
  );
  t.like(governor.waiting('c'), { reason: 'start_queue', ahead: 0, waitedMs: 1 });
  t.is(governor.waiting('b'), undefined);
  granted[0]?.release(true);
  await clock.runUntil(2000);
  t.deepEqual(
    granted.map(({ id }) => id),
    ['a', 'c'],
  );
});

test('the wait that is told follows the rate, or the starts under way where their number holds it back', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ burst: 4, in_flight: 2, settle: '10s' });
  const expected = (id: string) => governor.waiting(id)?.expectedMs;
  ask('a');
  await clock.runUntil(4000);
  granted[0]?.release(true);
  for (const id of ['b', 'c', 'd', 'e']) ask(id);
  await clock.runUntil(4001);
  t.is(granted.length, 2, 'a settles and b starts');
  t.is(expected('c'), 7000, 'one of the two has to be over: half of what a start took and settles');
  t.is(expected('e'), 21_000);
  const free = newGovernor({ burst: 1, in_flight: 4 });
  for (const id of ['a', 'b']) free.ask(id);
  t.is(free.governor.waiting('b')?.expectedMs, 250, 'only the rate holds it back');
});

test('asked for when already given up, nothing enters the queue', async (t) => {
  const { governor, clock, failed } = newGovernor();
  const signal = AbortSignal.abort(new Error('never mind'));
  const request = { id: 'a', tenant: 'x', priority: 1, kind: 'cold', shape: 'exec', signal } as const;
  await t.throwsAsync(governor.admit(request), { message: 'never mind' });
  await clock.runUntil(10);
  t.like(governor.status(), { queued: 0, inFlight: 0 });
  t.is(failed.length, 0);
});

test('a new workload whose turn does not come in time has failed; what ran before goes on waiting', async (t) => {
  const { governor, clock, failed, ask } = newGovernor({ max_wait: '10s', burst: 1, in_flight: 1 });
  ask('holds');
  ask('cold', { kind: 'cold' });
  ask('resumed');
  await clock.runUntil(60_000);
  t.deepEqual(
    failed.map(({ id }) => id),
    ['cold'],
  );
  t.like(failed[0]?.error, { code: 'deadline_exceeded', data: { waitedMs: 11_000 } });
  t.is(governor.waiting('resumed')?.waitedMs, 60_000);
  t.is(governor.status().totals.expired, 1);
});

test('pressure slows starts down, for as long as it lasts to the floor; calm brings the rate back', async (t) => {
  const { governor, clock, stall, granted, events, ask } = newGovernor({ in_flight: 1000 });
  for (let i = 0; i < 900; i++) ask(`w${i}`);
  for (let second = 1; second <= 7; second++) {
    stall.memory += 500_000;
    await clock.runUntil(second * 1000);
  }
  t.is(granted.length, 7, 'a burst and most of a second, and none while those are under way');
  const pressed = governor.status();
  t.is(pressed.rate, 1);
  t.like(pressed.lastDecrease, { signal: 'memory', value: 0.5, limit: 0.1, rateBefore: 4, rate: 2.8, agoMs: 6000 });
  t.is(pressed.totals.decreases.memory, 1);
  t.false(governor.calm());
  const slowed = events.filter(({ type }) => type === 'governor.slowed');
  t.is(slowed.length, 1);
  t.like(slowed[0]?.data, { signal: 'memory', value: 0.5, limit: 0.1, rateBefore: 4, rate: 2.8 });
  const before = granted.length;
  await clock.runUntil(8000);
  t.is(governor.status().rate, 3, 'lowered once, and a calm second');
  await clock.runUntil(60_000);
  t.is(governor.status().rate, governor.status().ceiling);
  t.true(granted.length > before + 200);
});

test('starts that take much longer than usual slow the next ones down', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ in_flight: 20, burst: 10 });
  const startAll = async (from: number, count: number, ms: number) => {
    for (let i = 0; i < count; i++) ask(`w${from + i}`);
    await clock.runUntil(clock.now() + ms);
    for (const { release } of granted.splice(0)) release(true);
    await clock.runUntil(clock.now() + 3000);
    for (const { release } of granted.splice(0)) release(true);
  };
  await startAll(0, 5, 80);
  t.is(governor.status().lastDecrease, null);
  await startAll(10, 5, 800);
  t.like(governor.status().lastDecrease, { signal: 'start' });
  t.true((governor.status().lastDecrease?.value ?? 0) > 4);
});

test('a network that takes long slows starts down, a single late answer does not', async (t) => {
  const { governor, clock, ask } = newGovernor();
  ask('a');
  governor.networkTook(5000);
  await clock.runUntil(1000);
  t.is(governor.status().lastDecrease, null);
  for (const ms of [5, 400, 500]) governor.networkTook(ms);
  await clock.runUntil(2000);
  t.like(governor.status().lastDecrease, { signal: 'network', value: 500 });
});

test('without pressure figures it governs by rate and cap, and says which signals it lacks', async (t) => {
  const { governor, clock, host, granted, ask } = newGovernor({ in_flight: 50, burst: 1 });
  host.hasPressure = false;
  for (let i = 0; i < 50; i++) ask(`w${i}`);
  await clock.runUntil(2000);
  t.is(granted.length, 9);
  t.is(governor.status().signals.cpu, undefined);
});

test('a start counts as under way until it has settled', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ in_flight: 1, settle: '2s' });
  for (const id of ['a', 'b']) ask(id);
  await clock.runUntil(0);
  granted[0]?.release(true);
  await clock.runUntil(1999);
  t.is(granted.length, 1);
  t.is(governor.status().inFlight, 1);
  await clock.runUntil(2000);
  t.is(granted.length, 2);
});

test('a release counts once, and one that failed settles at once', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ in_flight: 2, settle: '60s' });
  ask('a');
  await clock.runUntil(0);
  granted[0]?.release(false);
  granted[0]?.release(true);
  await clock.runUntil(1);
  t.is(governor.status().inFlight, 0);
});

test('turned off it lets everything through, also what waited', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ in_flight: 1, burst: 1 });
  for (const id of ['a', 'b', 'c']) ask(id);
  await clock.runUntil(0);
  t.is(granted.length, 1);
  governor.configure(settingsOf({ enabled: false }));
  ask('d');
  await clock.runUntil(0);
  t.is(granted.length, 4);
  t.notThrows(() => governor.requireRoom({ id: 'e', tenant: 'x', priority: 0 }));
});

test('a boot replay starts by priority, then by age, at the rate', async (t) => {
  const { clock, granted, ask } = newGovernor({ in_flight: 1, burst: 1 });
  const records = Array.from({ length: 60 }, (_, i) => ({ id: `w${i}`, priority: (i % 3) * 100, createdAt: i }));
  // Recovery asks in this order.
  for (const { id, priority } of records.sort((a, b) => b.priority - a.priority || a.createdAt - b.createdAt))
    ask(id, { priority });
  for (let ms = 0; ms < 30_000; ms += 50) {
    await clock.runUntil(ms);
    for (const { release } of granted) release(true);
  }
  t.deepEqual(
    granted.map(({ id }) => id),
    records.map(({ id }) => id),
  );
});

test('events of one kind are told once a second, with how many were left out', async (t) => {
  const { clock, events, ask } = newGovernor({ burst: 1, in_flight: 1 });
  for (let i = 0; i < 100; i++) ask(`w${i}`);
  await clock.runUntil(1500);
  ask('later');
  const queued = events.filter(({ type }) => type === 'start.queued');
  t.deepEqual(
    queued.map(({ data }) => data.leftOut),
    [0, 98],
  );
  t.like(queued[0]?.data, { id: 'w1', ahead: 0, queued: 1 });
});

test('closed, no turn is given any more', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ burst: 1, in_flight: 1 });
  for (const id of ['a', 'b']) ask(id);
  await clock.runUntil(0);
  governor.close();
  granted[0]?.release(true);
  await clock.runUntil(60_000);
  t.is(granted.length, 1);
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('ask' as const), tenant: fc.nat(3), priority: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('end' as const), started: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('leave' as const), which: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('stall' as const), usec: fc.nat(2_000_000) }) },
);

test('whatever happens: never more under way than the cap allowed, never more in any time than burst and ceiling, and all come to their turn', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 150 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom('0s', '1s'),
      async (steps, cores, settle) => {
        const { governor, clock, granted, failed, stall, ask } = newGovernor({ settle }, cores);
        const { ceiling, burst, inFlight } = settingsOf({}, cores);
        const leavers: AbortController[] = [];
        const live: (typeof granted)[number][] = [];
        let seen = 0;
        const look = (): void => {
          live.push(...granted.slice(seen));
          seen = granted.length;
          t.true(governor.status().inFlight <= inFlight);
          t.true(live.length <= governor.status().inFlight);
        };
        for (const [at, step] of steps.entries()) {
          if (step.op === 'ask')
            leavers.push(ask(`w${at}`, { tenant: `t${step.tenant}`, priority: step.priority * 100 }));
          else if (step.op === 'pass') await clock.runUntil(clock.now() + step.ms);
          else if (step.op === 'end') live.shift()?.release(step.started);
          else if (step.op === 'leave') leavers[step.which]?.abort();
          else stall.cpu += step.usec;
          await clock.runUntil(clock.now());
          look();
        }
        for (let second = 0; governor.status().queued > 0; second++) {
          t.true(second < 2000, 'somebody waits for ever');
          for (const { release } of live.splice(0)) release(true);
          await clock.runUntil(clock.now() + 1000);
          look();
        }
        const asked = steps.filter(({ op }) => op === 'ask').length;
        t.is(granted.length + failed.length, asked);
        for (const [first, { at: from }] of granted.entries())
          for (const [more, { at: to }] of granted.slice(first).entries())
            t.true(more + 1 <= burst + (ceiling * (to - from + 1)) / 1000 + 1e-6, `${more + 1} in ${to - from} ms`);
      },
    ),
    { numRuns: 150 },
  );
});
