import test from 'ava';
import type { EndRecord } from '../../../agent/model/record.js';
import { withoutOldDefault } from '../../../agent/model/stored-record.js';
import { afterEnd, type Ended, pauseLeft, pauseMs, ranMs } from '../../../agent/workload/restart.js';
import { newLife, nextLife, specOf, state } from './fake-world.js';

const MINUTE = 60_000;
const end = (over: Partial<EndRecord> = {}): EndRecord => ({
  ...{ at: 0, code: 1, signal: null, cause: 'exit', detail: '' },
  ...over,
});
const after = (over: Partial<Ended> = {}) =>
  afterEnd({
    ...{ policy: { policy: 'always' }, desired: 'running', end: end(), attempts: 0, ranMs: 0, random: 0 },
    ...over,
  });

test('which ends the policies answer with a start', (t) => {
  const done = end({ code: 0 });
  t.is(after({ policy: { policy: 'never' } }).pauseMs, null);
  t.is(after({ policy: { policy: 'on-failure' }, end: done }).pauseMs, null);
  t.is(after({ policy: { policy: 'on-failure' } }).pauseMs, 1000);
  t.is(after({ end: done }).pauseMs, 1000);
  t.is(after({ desired: 'stopped' }).pauseMs, null, 'a stop wins');
  t.is(after({ end: end({ cause: 'start' }) }).pauseMs, null, 'what cannot start is not tried');
  t.is(after({ end: end({ cause: 'preempted' }) }).pauseMs, null);
});

test('pauses double from 1 s to 5 min, and spread', (t) => {
  t.deepEqual(
    [0, 1, 2, 3, 7].map((tried) => pauseMs(tried, 0)),
    [1000, 2000, 4000, 8000, 128_000],
  );
  for (let tried = 0; tried < 2000; tried++) {
    const [least, most] = [pauseMs(tried, 0), pauseMs(tried, 1)];
    t.true(least >= 1000 && most <= 5 * MINUTE && most > least, `${tried}: ${least} to ${most}`);
    if (tried > 10) t.is(most, 5 * MINUTE);
  }
});

test('without maxRetries it never gives up, with it after so many in a row', (t) => {
  t.like(after({ attempts: 100_000 }), { attempts: 100_001, gaveUp: false });
  const policy = { policy: 'always', maxRetries: 2 } as const;
  t.like(after({ policy, attempts: 1 }), { attempts: 2, gaveUp: false });
  t.deepEqual(after({ policy, attempts: 2 }), { pauseMs: null, attempts: 2, gaveUp: true });
  t.like(after({ policy, attempts: 2, ranMs: 10 * MINUTE - 1 }), { gaveUp: true });
  t.like(after({ policy, attempts: 2, ranMs: 10 * MINUTE }), { pauseMs: 1000, attempts: 1, gaveUp: false });
  t.like(after({ policy, attempts: 2, end: end({ code: 0, cause: 'stopped' }) }), { gaveUp: false });
});

test('how long it ran is told by the clock since boot, whatever the clock on the wall says', (t) => {
  const clock = { wall: () => 0, boot: () => 700_000 };
  const process = { pid: 1, startTime: 1000, startedAt: 9e12 };
  const exit = { code: 1, signal: null, at: 1 };
  t.is(ranMs(process, { ...exit, uptimeTicks: 61_000 }, clock), 10 * MINUTE);
  t.is(ranMs(process, exit, clock), 690_000, 'an older supervisor does not say');
});

test('the default of earlier agents is no limit that somebody asked for', (t) => {
  const old = specOf({ restart: { policy: 'always', maxRetries: 5 } });
  t.deepEqual(withoutOldDefault({}, old), specOf({ restart: { policy: 'always' } }));
  const restart = { attempts: 0, next: null, gaveUp: false };
  t.deepEqual(withoutOldDefault({ restart }, old), old);
  const other = specOf({ restart: { policy: 'always', maxRetries: 7 } });
  t.deepEqual(withoutOldDefault({}, other), other);
});

/** Time that only the test moves. */
function timeline() {
  let passed = 0;
  return {
    clock: { wall: () => 1_000_000_000_000 + passed, boot: () => passed },
    pass: (ms: number) => {
      passed += ms;
    },
  };
}

test('a workload that fails at once for ever: pauses grow, the record says when, and it never gives up', async (t) => {
  const { clock, pass } = timeline();
  const life = newLife({ clock });
  await life.manager.recover();
  await life.manager.create(specOf({ restart: { policy: 'always' } }));
  const actor = life.manager.actor('web-1');
  let last = 0;
  for (let tried = 1; tried <= 12; tried++) {
    await life.until(() => actor.record.state === 'running' && actor.record.process?.pid === 100 + tried);
    life.host.end('web-1', { code: 1 });
    await life.until(({ type, data }) => type === 'workload.restarting' && data.attempts === tried);
    const { restart } = life.manager.view(actor.record);
    const pause = (restart.nextAt ?? 0) - clock.wall();
    t.like(restart, { attempts: tried, gaveUp: false });
    t.true(pause >= Math.min(last * 1.5, 250_000) && pause <= 300_000, `${tried}: ${last} then ${pause}`);
    last = pause;
    // The actor sleeps by a timer of its own; a wish that changes nothing has it look at the clock.
    pass(pause);
    actor.wake();
  }
  t.is(actor.record.restarts, 12);
});

test('good running counts anew; without it the third failure of maxRetries 2 gives up, and a start counts from zero', async (t) => {
  const { clock, pass } = timeline();
  const life = newLife({ clock });
  await life.manager.recover();
  await life.manager.create(specOf({ restart: { policy: 'on-failure', maxRetries: 2 } }));
  const actor = life.manager.actor('web-1');
  let pid = 100;
  const fail = async (ms: number, attempts: number): Promise<void> => {
    pid += 1;
    await life.until(() => actor.record.process?.pid === pid);
    life.host.end('web-1', { code: 1, ranMs: ms });
    await life.until(() => actor.record.process === null && actor.record.restart?.attempts === attempts);
    pass(pauseLeft(actor.record, { clock, bootId: 'boot-1' }));
    actor.wake();
  };
  await fail(25_000, 1);
  await fail(25_000, 2);
  await fail(10 * MINUTE, 1);
  await fail(25_000, 2);
  await fail(25_000, 2);
  await life.until(state('failed'));
  t.deepEqual(life.manager.view(actor.record).restart, { attempts: 2, nextAt: null, gaveUp: true });
  const told = await life.until(({ type }) => type === 'workload.gave_up');
  t.like(told.data, { attempts: 2, maxRetries: 2, restarts: 4 });
  t.deepEqual((await life.manager.wish('web-1', 'start')).restart, { attempts: 0, nextAt: null, gaveUp: false });
  await life.until(() => actor.record.process?.pid === pid + 1);
  t.is(actor.record.restarts, 4, 'a counter, not a rate');
});

test('the next agent waits out the pause of the last one, and a start ends it', async (t) => {
  const { clock, pass } = timeline();
  const life = newLife({ clock });
  await life.manager.recover();
  await life.manager.create(specOf({ restart: { policy: 'always' } }));
  await life.until(state('running'));
  life.host.end('web-1', { code: 1 });
  await life.until(({ type }) => type === 'workload.restarting');
  const { nextAt } = life.manager.view(life.manager.actor('web-1').record).restart;
  pass(400);
  const next = await nextLife(life, life.host, 'boot-1', undefined, clock);
  const actor = next.manager.actor('web-1');
  t.is(next.manager.view(actor.record).restart.nextAt, nextAt);
  await next.journal.idle();
  t.is(actor.record.state, 'pending', 'the pause is not over');
  t.is(next.host.held.get('web-1')?.exit === undefined, false);
  const answer = await next.manager.wish('web-1', 'start');
  t.deepEqual(answer.restart, { attempts: 0, nextAt: null, gaveUp: false });
  await next.until(state('running'));
});
