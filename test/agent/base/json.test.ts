import test from 'ava';
import { duplicateKey } from '../../../agent/base/json.js';
import { parseRequest } from '../../../agent/control/rpc.js';
import { fc } from '../../runner/property.js';

test('a name that stands twice in one object is found, wherever it is', (t) => {
  for (const [text, key, at] of [
    ['{"id": "a", "id": "b"}', 'id', 12],
    ['{"a": {"b": 1}, "c": [{"b": 1, "b": 2}]}', 'b', 31],
    ['{"id": 1, "\\u0069d": 2}', 'id', 10],
    ['{"a\\"b": 1, "a\\"b": 2}', 'a"b', 12],
  ] as const)
    t.deepEqual(duplicateKey(text), { key, at }, text);
});

test('what JSON.stringify makes has no name twice', (t) => {
  fc.assert(fc.property(fc.jsonValue(), (value) => t.is(duplicateKey(JSON.stringify(value)), undefined)));
  t.is(duplicateKey('{"a": {"a": "a"}, "b": ["a", "a", {"a": "}"}]}'), undefined);
});

test('a request with a name twice is refused', (t) => {
  const twice = parseRequest('{"jsonrpc": "2.0", "id": 1, "method": "a", "method": "b"}');
  t.is(twice.kind, 'refused');
  t.regex(twice.kind === 'refused' ? twice.error.message : '', /^"method" stands twice/);
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
