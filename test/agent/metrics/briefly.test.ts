import test from 'ava';
import { briefly } from '../../../agent/metrics/briefly.js';

test('who asks within the moment has the same answer; later it is asked anew', (t) => {
  let now = 0;
  let asked = 0;
  const read = briefly(
    () => ++asked,
    250,
    () => now,
  );
  t.deepEqual([read(), read()], [1, 1]);
  now = 249;
  t.is(read(), 1);
  now = 250;
  t.is(read(), 2);
});
