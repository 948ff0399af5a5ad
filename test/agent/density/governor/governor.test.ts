import test from 'ava';
import { fc } from '../../../runner/property.js';
import { newGovernor, settingsOf } from './fixture.js';

test('defaults follow the cores', (t) => {
  t.like(settingsOf({}, 2), { maxSettling: 64, maxQueue: 1000, settleTimeoutMs: 10_000 });
  t.like(settingsOf({}, 64), { maxSettling: 2048, maxQueue: 32_000 });
  t.like(settingsOf({ max_settling: 5, max_queue: 7 }, 64), { maxSettling: 5, maxQueue: 7 });
});

test('on a calm host a start has its permit in the call itself: nothing is read, and no promise stands between', (t) => {
  const { governor, granted, host, ask } = newGovernor();
  const before = host.pressureReads;
  for (let at = 0; at < 16; at++) ask(`w${at}`, { kind: 'cold' });
  t.is(granted.length, 16);
  t.is(host.pressureReads, before);
  t.is(host.timers, 1);
  t.like(governor.status(), { settling: 16, queued: 0, bound: 16, totals: { granted: 16 } });
});

test('an idle host has no timer, and one start reads the pressure once', async (t) => {
  const { clock, granted, host, ask } = newGovernor();
  t.is(host.timers, 0);
  await clock.runUntil(60_000);
  ask('a');
  granted[0]?.end();
  await clock.runUntil(120_000);
  t.is(host.timers, 1);
  t.is(host.pressureReads, 2, 'when it was made, and after the start');
});

test('one by one no start waits, however many they are and however long each settles', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 60 }), async (pauses) => {
      const { clock, waits, wants, granted, ask } = newGovernor({}, 2);
      for (const [at, pause] of pauses.entries()) {
        ask(`w${at}`);
        wants.set(`acme/w${at}`, 0.2);
        t.is(granted.length, at + 1);
        granted[at]?.runs(`acme/w${at}`);
        await clock.runUntil(clock.now() + Math.max(10, pause));
      }
      t.true(waits.every((seconds) => seconds === 0));
    }),
  );
});

test('a storm on a host that bears it: the bound doubles until nobody waits', async (t) => {
  const { clock, granted, wants, ask } = newGovernor({ max_settling: 1000 });
  for (let at = 0; at < 400; at++) ask(`w${at}`);
  t.is(granted.length, 16);
  await clock.runUntil(300);
  t.is(granted.length, 32);
  for (let now = 350; now < 1500; now += 50) await clock.runUntil(now);
  t.is(granted.length, 400);
  t.is(wants.size, 0);
});

test('a refusal says how long the queue is and when to come again; those in it are not touched', async (t) => {
  const { governor, clock, granted, events, ask } = newGovernor({ max_queue: 3, max_settling: 1 });
  for (let i = 0; i < 4; i++) {
    governor.requireRoom({ id: `w${i}`, tenant: 'acme', priority: 1 });
    ask(`w${i}`, { kind: 'cold' });
  }
  const error = t.throws(() => governor.requireRoom({ id: 'late', tenant: 'acme', priority: 1 }), {
    code: 'start_queue_full',
  });
  t.like(error, { data: { queued: 3, maxQueue: 3, bound: 1, retryAfterMs: 1000 } });
  t.like(governor.status(), { queued: 3, totals: { refused: 1 } });
  t.true(events.some(({ type }) => type === 'start.refused'));
  ask('resumed');
  await clock.runUntil(1);
  t.is(governor.status().queued, 4, 'what ran before waits, however long the queue');
  t.is(granted.length, 1);
});

test('who leaves is gone at once, with its own reason, and the next one moves up', async (t) => {
  const { governor, clock, granted, failed, ask } = newGovernor({ max_settling: 1 });
  ask('a');
  const b = ask('b');
  ask('c');
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
  granted[0]?.end();
  await clock.runUntil(1);
  t.deepEqual(
    granted.map(({ id }) => id),
    ['a', 'c'],
  );
});

test('the wait that is told follows how long starts settle and how many may at once', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ max_settling: 2 });
  for (const id of ['a', 'b', 'c']) ask(id);
  t.is(governor.waiting('c')?.expectedMs, 0, 'nothing is known yet');
  await clock.runUntil(4000);
  granted[0]?.runs('acme/unread');
  await clock.runUntil(4100);
  for (const id of ['d', 'e']) ask(id);
  t.is(governor.waiting('d')?.expectedMs, 2025, 'one of the two has to settle: half of what a start takes');
  t.is(governor.waiting('e')?.expectedMs, 4050);
});

test('asked for when already given up, nothing enters the queue', async (t) => {
  const { governor, failed } = newGovernor();
  const signal = AbortSignal.abort(new Error('never mind'));
  const request = { id: 'a', tenant: 'x', priority: 1, kind: 'cold', shape: 'exec', signal } as const;
  await t.throwsAsync(async () => governor.admit(request), { message: 'never mind' });
  t.like(governor.status(), { queued: 0, settling: 0 });
  t.is(failed.length, 0);
});

test('a new workload that has no permit in time has failed; what ran before goes on waiting', async (t) => {
  const { governor, clock, failed, ask } = newGovernor({ max_wait: '10s', max_settling: 1 });
  ask('holds');
  ask('cold', { kind: 'cold' });
  ask('resumed');
  await clock.runUntil(60_000);
  t.deepEqual(
    failed.map(({ id }) => id),
    ['cold'],
  );
  t.like(failed[0]?.error, { code: 'deadline_exceeded' });
  t.is(governor.waiting('resumed')?.waitedMs, 60_000);
  t.is(governor.status().totals.expired, 1);
});

test('pressure lowers the bound for as long as it lasts, to eight, or two for each cpu; the storm goes on by that', async (t) => {
  const { boot, governor, clock, granted, events, ask, press } = newGovernor({ settle_timeout: '1h' });
  for (let i = 0; i < 900; i++) ask(`w${i}`);
  boot();
  await press('cpu', 0.95, 20_000);
  t.is(granted.length, 16, 'none while those settle');
  t.false(governor.calm());
  t.like(governor.status(), { bound: 8, lastDecrease: { signal: 'cpu', limit: 0.6 } });
  for (const permit of granted.slice(0, 9)) permit.end();
  await clock.runUntil(clock.now());
  t.is(granted.length, 17, 'eight settle');
  const slowed = events.filter(({ type }) => type === 'governor.slowed');
  t.true(slowed.length >= 1 && slowed.length <= 4, 'one in five seconds at most');
  t.like(slowed[0]?.data, { signal: 'cpu', boundBefore: 16, limit: 0.6 });
  await clock.runUntil(clock.now() + 2000);
  t.true(granted.length > 20, 'calm again, the bound grows');
});

test('out of memory, no start begins; with pressure one at a time does', async (t) => {
  const { governor, clock, granted, ask, press } = newGovernor();
  for (let i = 0; i < 100; i++) ask(`w${i}`);
  await press('memory', 0.9, 2000);
  for (const permit of granted.slice()) permit.end();
  await press('memory', 0.9, 6000);
  t.is(granted.length, 16);
  t.is(governor.status().bound, 0);
  await press('memory', 0.3, 6600);
  t.is(granted.length, 17);
  granted[16]?.end();
  await clock.runUntil(clock.now());
  t.is(granted.length, 18);
});

test('what the host is like without starts is no pressure of theirs', async (t) => {
  const { governor, granted, ask, press } = newGovernor();
  await press('cpu', 0.7, 600_000);
  for (let i = 0; i < 40; i++) ask(`w${i}`);
  await press('cpu', 0.75, 603_000);
  t.true(granted.length > 16);
  t.is(governor.status().totals.decreases.cpu, 0);
  t.true((governor.status().signals.cpu ?? 1) < 0.4);
});

test('every start forgets what the one before has found: after an idle time the bound is the first one', async (t) => {
  const { boot, governor, clock, granted, ask, press } = newGovernor({ settle_timeout: '1h' });
  for (let i = 0; i < 30; i++) ask(`w${i}`);
  boot();
  await press('cpu', 1, 10_000);
  t.is(governor.status().bound, 8);
  while (governor.status().settling > 0) {
    for (const permit of granted) permit.end();
    await clock.runUntil(clock.now() + 50);
  }
  await clock.runUntil(clock.now() + 100);
  t.like(governor.status(), { bound: 16, settling: 0, queued: 0 });
  t.true(governor.calm());
});

test('slow networks and slow starts are pressure, too', async (t) => {
  const network = newGovernor();
  for (let i = 0; i < 40; i++) network.ask(`w${i}`);
  for (const ms of [400, 500, 600]) network.governor.networkTook(ms);
  await network.clock.runUntil(600);
  t.like(network.governor.status().lastDecrease, { signal: 'network', value: 500 });
  const slow = newGovernor();
  const one = async (id: string, ms: number): Promise<void> => {
    slow.ask(id);
    await slow.clock.runUntil(slow.clock.now() + ms);
    slow.granted.at(-1)?.runs('unread');
  };
  for (let i = 0; i < 50; i++) await one(`usual${i}`, 100);
  slow.ask('holds');
  for (let i = 0; i < 5; i++) await one(`slow${i}`, 2000);
  t.like(slow.governor.status().lastDecrease, { signal: 'start', limit: 4 });
});

test('starts that share the agent take longer, and that is no sign of a slow host', async (t) => {
  const { governor, clock, granted, ask } = newGovernor();
  for (let i = 0; i < 60; i++) {
    ask(`usual${i}`);
    await clock.runUntil(clock.now() + 100);
    granted.at(-1)?.runs('unread');
  }
  await clock.runUntil(clock.now() + 1000);
  const before = granted.length;
  for (let i = 0; i < 16; i++) ask(`w${i}`);
  for (let i = 0; i < 16; i++) {
    await clock.runUntil(clock.now() + 100);
    granted[before + i]?.runs('unread');
  }
  await clock.runUntil(clock.now() + 1000);
  t.is(governor.status().totals.decreases.start, 0);
});

test('without pressure figures it governs by what settles, and says which signals it lacks', async (t) => {
  const { governor, clock, host, granted, ask } = newGovernor({ max_settling: 40 });
  host.hasPressure = false;
  for (let i = 0; i < 50; i++) ask(`w${i}`);
  await clock.runUntil(2000);
  t.is(granted.length, 40);
  t.is(governor.status().signals.cpu, undefined);
});

test('turned off it lets everything through, also what waited', async (t) => {
  const { governor, clock, granted, ask } = newGovernor({ max_settling: 1 });
  for (const id of ['a', 'b', 'c']) ask(id);
  t.is(granted.length, 1);
  governor.configure(settingsOf({ enabled: false }));
  ask('d');
  await clock.runUntil(0);
  t.is(granted.length, 4);
  t.notThrows(() => governor.requireRoom({ id: 'e', tenant: 'x', priority: 0 }));
});

test('a boot replay starts by priority, then by age', async (t) => {
  const { clock, granted, ask } = newGovernor({ max_settling: 1 });
  const records = Array.from({ length: 60 }, (_, i) => ({ id: `w${i}`, priority: (i % 3) * 100, createdAt: i }));
  // Recovery asks in this order.
  for (const { id, priority } of records.sort((a, b) => b.priority - a.priority || a.createdAt - b.createdAt))
    ask(id, { priority });
  for (let done = 0; done < 60; done++) {
    granted[done]?.end();
    await clock.runUntil(clock.now() + 1);
  }
  t.deepEqual(
    granted.map(({ id }) => id),
    records.map(({ id }) => id),
  );
});

test('events of one kind are told once in five seconds, with how many were left out', async (t) => {
  const { clock, events, ask } = newGovernor({ max_settling: 1 });
  for (let i = 0; i < 100; i++) ask(`w${i}`);
  await clock.runUntil(5500);
  ask('later');
  const queued = events.filter(({ type }) => type === 'start.queued');
  t.deepEqual(
    queued.map(({ data }) => data.leftOut),
    [0, 98],
  );
  t.like(queued[0]?.data, { id: 'w1', ahead: 0, queued: 1 });
});

test('closed, no permit is given any more, and no timer is left', async (t) => {
  const { governor, clock, granted, host, ask } = newGovernor({ max_settling: 1 });
  for (const id of ['a', 'b']) ask(id);
  governor.close();
  const { timers } = host;
  granted[0]?.end();
  await clock.runUntil(60_000);
  t.is(granted.length, 1);
  t.is(host.timers, timers);
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('ask' as const), tenant: fc.nat(3), priority: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('end' as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('runs' as const), which: fc.nat(20), cores: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('gone' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('leave' as const), which: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('stall' as const), usec: fc.nat(2_000_000) }) },
);

test('whatever happens: nobody waits beside a free place, places are never more than the most, every place comes back, and all have their permit', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 150 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 20 }),
      async (steps, cores, max_settling) => {
        const { governor, clock, granted, failed, stall, wants, ask } = newGovernor({ max_settling }, cores);
        const leavers: AbortController[] = [];
        const look = (): void => {
          const { settling, bound, maxSettling, queued } = governor.status();
          t.true(settling <= maxSettling && bound <= maxSettling);
          t.true(queued === 0 || settling >= bound, `${queued} wait, ${settling} of ${bound} settle`);
        };
        for (const [at, step] of steps.entries()) {
          if (step.op === 'ask')
            leavers.push(ask(`w${at}`, { tenant: `t${step.tenant}`, priority: step.priority * 100 }));
          else if (step.op === 'pass') await clock.runUntil(clock.now() + step.ms);
          else if (step.op === 'end') granted[granted.length - 1 - step.which]?.end();
          else if (step.op === 'runs') {
            const permit = granted[granted.length - 1 - step.which];
            wants.set(`acme/${permit?.id}`, step.cores / 2);
            permit?.runs(`acme/${permit.id}`);
          } else if (step.op === 'gone') wants.delete(`acme/${granted[granted.length - 1 - step.which]?.id}`);
          else if (step.op === 'leave') leavers[step.which]?.abort();
          else stall.cpu += step.usec;
          await clock.runUntil(clock.now());
          look();
        }
        for (let round = 0; governor.status().queued > 0 || governor.status().settling > 0; round++) {
          t.true(round < 500, 'somebody waits for ever');
          // Those that run have a burst without end: the timeout ends it.
          for (const permit of granted) permit.runs(`acme/${permit.id}`);
          await clock.runUntil(clock.now() + 11_000);
          look();
        }
        const asked = steps.filter(({ op }) => op === 'ask').length;
        t.is(granted.length + failed.length, asked);
        await clock.runUntil(clock.now() + 1000);
        t.is(
          governor.status().bound,
          Math.min(settingsOf({ max_settling }, cores).maxSettling, Math.max(16, cores * 4)),
        );
      },
    ),
    { numRuns: 150 },
  );
});
