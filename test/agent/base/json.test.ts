import test from 'ava';
import { parseJson, wrongKey } from '../../../agent/base/json.js';
import { lostMember } from '../../../agent/base/lost-name.js';
import { parseRequest } from '../../../agent/control/rpc.js';
import { fc } from '../../runner/property.js';

test('a name that stands twice in one object is found, wherever it is', (t) => {
  for (const [text, key, at] of [
    ['{"id": "a", "id": "b"}', 'id', 12],
    ['{"a": {"b": 1}, "c": [{"b": 1, "b": 2}]}', 'b', 31],
    ['{"id": 1, "\\u0069d": 2}', 'id', 10],
    ['{"a\\"b": 1, "a\\"b": 2}', 'a"b', 12],
  ] as const)
    t.deepEqual(wrongKey(text), { key, at }, text);
});

test('what JSON.stringify makes has no name twice', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      t.is(wrongKey(JSON.stringify(value)) === undefined, lostMember(value) === undefined),
    ),
  );
  t.is(wrongKey('{"a": {"a": "a"}, "b": ["a", "a", {"a": "}"}]}'), undefined);
});

test('a request with a name twice is refused', (t) => {
  const twice = parseRequest('{"jsonrpc": "2.0", "id": 1, "method": "a", "method": "b"}');
  t.is(twice.kind, 'refused');
  t.regex(twice.kind === 'refused' ? twice.error.message : '', /^"method" stands twice/);
});

const LOST = '{"a": [{"__proto__": 1}]}';

test('a member that every schema leaves out is refused, by a peer, in a file and however it is spelled', (t) => {
  for (const text of [LOST, LOST.replace('__proto__', '\\u005f_proto__')]) {
    t.deepEqual(wrongKey(text), { key: '__proto__', at: 8 });
    t.deepEqual(lostMember(JSON.parse(text)), ['a', '0', '__proto__']);
    t.throws(() => parseJson(text), { message: '"__proto__" cannot be a name' });
  }
  const request = parseRequest(`{"jsonrpc": "2.0", "id": 1, "method": "a", "params": ${LOST}}`);
  t.regex(request.kind === 'refused' ? request.error.message : '', /^"__proto__" cannot be a name, at character \d+$/);
  t.is(lostMember({ a: ['__proto__'], constructor: 1 }), undefined);
});

test('an id comes back as it came, or is refused', (t) => {
  const sort = (id: string) => parseRequest(`{"jsonrpc": "2.0", "id": ${id}, "method": "a"}`);
  for (const id of ['"a"', '""', '0', '-1', '1.5', '9007199254740991']) {
    const found = sort(id);
    t.is(found.kind === 'request' ? JSON.stringify(found.request.id) : '', id);
  }
  for (const id of ['12345678901234567890', '1e400', '0.12345678901234567', 'true', '{}'])
    t.is(sort(id).kind, 'refused', id);
});
