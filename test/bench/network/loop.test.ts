import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { longest, ownShare, watchIdleProcess, watchLoop } from './loop.js';

test('a loop that was held up is seen, also when it is asked at once', async (t) => {
  const loop = watchLoop();
  await setTimeout(20);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  t.true(longest(loop.stop().stalls) > 40);
});

test('the histogram sees it with its next turn', async (t) => {
  const loop = watchLoop();
  // It counts from its first turn on. Due timers run in one go, and ours may come before the histogram's own.
  for (let turn = 0; turn < 3; turn++) await setTimeout(5);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  for (let turn = 0; turn < 3; turn++) await setTimeout(5);
  t.true(loop.stop().histogram > 40);
});

test('an idle process answers what it has seen, and the same again', async (t) => {
  const idle = await watchIdleProcess();
  await setTimeout(20);
  const seen = await idle.stop();
  t.true(seen.histogram > 0);
  t.is(await idle.stop(), seen);
});

test('the wait for a cpu, and what an idle process suffered in the same moments, are not ours', (t) => {
  const ours = [
    { end: 100, length: 20, waited: 0 },
    { end: 200, length: 8, waited: 6 },
    { end: 300, length: 5, waited: 0 },
    { end: 400, length: 5, waited: 7 },
  ];
  const idle = [
    { end: 101, length: 18, waited: 0 },
    { end: 196, length: 3, waited: 3 },
    { end: 250, length: 30, waited: 0 },
  ];
  t.deepEqual(
    ownShare(ours, idle).map(({ length }) => length),
    [3, 2, 5, 0],
  );
  t.is(longest([]), 0);
});
