import test from 'ava';
import { longest, watchIdleProcess, watchLoop, withoutCommon } from './loop.js';

test('a loop that was held up is seen, by timer and by histogram', async (t) => {
  const loop = watchLoop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { stalls, histogram } = loop.stop();
  t.true(longest(stalls) > 40);
  t.true(histogram > 40);
});

test('an idle process answers what it has seen, and the same again', async (t) => {
  const idle = await watchIdleProcess();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const seen = await idle.stop();
  t.true(seen.histogram > 0);
  t.is(await idle.stop(), seen);
});

test('what an idle process has seen in the same moments is not ours', (t) => {
  const ours = [
    { end: 100, length: 20 },
    { end: 200, length: 8 },
    { end: 300, length: 5 },
  ];
  const idle = [
    { end: 101, length: 18 },
    { end: 196, length: 3 },
    { end: 250, length: 30 },
  ];
  t.deepEqual(
    withoutCommon(ours, idle).map(({ length }) => length),
    [3, 5, 5],
  );
  t.is(longest([]), 0);
});
