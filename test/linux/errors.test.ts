import test from 'ava';
import { defined } from '../../linux/defined.js';
import { messageOf } from '../../linux/errors.js';

test('anything thrown says something', (t) => {
  t.is(messageOf(new Error('no such thing')), 'no such thing');
  t.is(messageOf('text'), 'text');
  t.is(messageOf(undefined), 'undefined');
  t.is(messageOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
  t.is(messageOf(new RangeError()), 'RangeError');
});

test('only undefined is left out', (t) => {
  t.deepEqual(Object.keys(defined({ a: undefined, b: null, c: 0, d: '', e: false })), ['b', 'c', 'd', 'e']);
});
