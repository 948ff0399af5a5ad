import test from 'ava';
import { someOf } from '../../../agent/base/some-of.js';

test('all of a short list, the first of a long one with the number of the others', (t) => {
  t.is(someOf([], 2), '');
  t.is(someOf(['a', 'b'], 2), 'a; b');
  t.is(someOf(['a', 'b', 'c', 'd'], 2), 'a; b; and 2 more');
  t.is(someOf(['a', 'b', 'c'], 2, ', '), 'a, b and 1 more');
});
