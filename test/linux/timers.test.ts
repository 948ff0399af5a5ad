import { getEventListeners } from 'node:events';
import test from 'ava';
import { after, every, LONGEST_MS, orLate, pause, timeLimit } from '../../linux/timers.js';

const HOUR = 3_600_000;

/** A clock that is told to go on; a delay that Node would take for 1 ms counts as 1 ms here, too. */
function fakeTimers(t: { teardown(undo: () => void): void }) {
  const { setTimeout: real, clearTimeout: clear } = globalThis;
  let now = 0;
  let last = 0;
  const waiting = new Map<number, { at: number; run: () => void }>();
  const set = (run: () => void, ms: number) => {
    const id = ++last;
    waiting.set(id, { at: now + (ms > LONGEST_MS ? 1 : ms), run });
    return { id, unref: () => undefined };
  };
  const drop = (timer: { id: number } | undefined) => void waiting.delete(timer?.id ?? 0);
  Object.assign(globalThis, { setTimeout: set, clearTimeout: drop });
  t.teardown(() => void Object.assign(globalThis, { setTimeout: real, clearTimeout: clear }));
  return {
    waiting,
    advance: (ms: number) => {
      const end = now + ms;
      for (;;) {
        const [next] = [...waiting].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
        if (next === undefined) break;
        waiting.delete(next[0]);
        now = next[1].at;
        next[1].run();
      }
      now = end;
    },
  };
}

for (const hours of [1, 596, 597, 720, 24 * 3650])
  test.serial(`a wait of ${hours} h ends when it is over, and not before`, (t) => {
    const clock = fakeTimers(t);
    let ends = 0;
    after(hours * HOUR, () => ends++);
    clock.advance(hours * HOUR - 1);
    t.is(ends, 0);
    clock.advance(1);
    t.is(ends, 1);
    t.is(clock.waiting.size, 0);
  });

test.serial('a wait without end never ends, and one can be given up at any time', (t) => {
  const clock = fakeTimers(t);
  const endless = after(Number.POSITIVE_INFINITY, () => t.fail());
  clock.advance(50_000 * HOUR);
  t.is(clock.waiting.size, 1);
  endless.cancel();
  t.is(clock.waiting.size, 0);
});

test.serial('what repeats keeps its period, however long or short', (t) => {
  const clock = fakeTimers(t);
  let long = 0;
  let short = 0;
  const timers = [every(720 * HOUR, () => long++), every(0, () => short++)];
  clock.advance(2 * 720 * HOUR - 1 - (2 * 720 * HOUR - 1000));
  t.is(long, 0);
  t.is(short, 999, 'once a millisecond, not without a pause');
  timers[1]?.cancel();
  clock.advance(2 * 720 * HOUR);
  t.is(long, 2);
  timers[0]?.cancel();
  t.is(clock.waiting.size, 0);
});

test.serial('a signal ends a pause, and leaves no timer', async (t) => {
  const clock = fakeTimers(t);
  const stop = new AbortController();
  const pausing = pause(720 * HOUR, { signal: stop.signal });
  stop.abort(new Error('stopped'));
  await t.throwsAsync(pausing, { message: 'stopped' });
  await t.throwsAsync(pause(1, { signal: stop.signal }), { message: 'stopped' });
  t.is(clock.waiting.size, 0);
});

test.serial('a time limit aborts when it is over, unless it was given back', (t) => {
  const clock = fakeTimers(t);
  const limits = [timeLimit(720 * HOUR), timeLimit(720 * HOUR)];
  limits[1]?.done();
  clock.advance(719 * HOUR);
  t.false(limits[0]?.signal.aborted);
  clock.advance(HOUR);
  t.is(limits[0]?.signal.reason.name, 'TimeoutError');
  t.false(limits[1]?.signal.aborted);
});

test.serial('a time limit ends with the signal that it is within, and leaves no listener on it', (t) => {
  const clock = fakeTimers(t);
  const stop = new AbortController();
  const listeners = () => getEventListeners(stop.signal, 'abort').length;
  const tooLate = () => new Error('too late');
  const [late, done, stopped] = [1, 2, 3].map((hours) => timeLimit(hours * HOUR, { within: stop.signal, tooLate }));
  t.is(listeners(), 3);
  clock.advance(HOUR);
  t.is(late?.signal.reason.message, 'too late');
  done?.done();
  t.is(listeners(), 1);
  stop.abort(new Error('stopped'));
  t.is(stopped?.signal.reason.message, 'stopped');
  t.is(late?.signal.reason.message, 'too late');
  t.false(done?.signal.aborted);
  t.is(timeLimit(HOUR, { within: stop.signal }).signal.reason.message, 'stopped');
  t.is(clock.waiting.size, 0);
});

test('what ends in time is told; what is late is not waited for, and its failure is not told', async (t) => {
  const { waiting, advance } = fakeTimers(t);
  t.is(await orLate(Promise.resolve('done'), HOUR, 'late'), 'done');
  await t.throwsAsync(orLate(Promise.reject(new Error('failed')), HOUR, 'late'), { message: 'failed' });
  t.is(waiting.size, 0, 'no timer is left');
  let fail = (_: Error): void => undefined;
  const work = new Promise<string>((_, reject) => {
    fail = reject;
  });
  const told = orLate(work, HOUR, 'late');
  advance(HOUR);
  t.is(await told, 'late');
  fail(new Error('after the deadline'));
  await new Promise((resolve) => setImmediate(resolve));
});
