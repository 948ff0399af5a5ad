// JSON merge patch as RFC 7386 has it, and on whole specifications: a patch changes what it names, and nothing else.
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import { fieldChanges, mergePatch } from '../../../agent/model/spec-change.js';
import { fc, holds } from '../../runner/property.js';
import { specs } from '../workload/spec-generator.js';

/** Appendix A of RFC 7386: original, patch, result. */
const RFC: readonly (readonly [unknown, unknown, unknown])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test('merge patch: the examples of the RFC', (t) => {
  for (const [target, patch, result] of RFC)
    t.deepEqual(mergePatch(target, patch), result, JSON.stringify([target, patch]));
});

test('merge patch: a name that JavaScript gives a meaning is a name like any other', (t) => {
  const patch: unknown = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": null}');
  const merged = mergePatch({ a: 1 }, patch) as object;
  t.deepEqual(Object.keys(merged), ['a', '__proto__']);
  t.false('polluted' in {});
  t.is(Object.getPrototypeOf(merged), Object.prototype);
});

/** As it comes over the protocol. */
const received = (input: unknown): WorkloadSpec => parseSpec(JSON.parse(JSON.stringify(input)));

/** What makes `to` of `from`, by the RFC: null for what is gone. */
function patchBetween(from: object, to: object): Record<string, unknown> {
  const before = new Map<string, unknown>(Object.entries(from));
  const after = new Map<string, unknown>(Object.entries(to));
  const isTree = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  const there = [...after].map(([key, value]) => {
    const old = before.get(key);
    return [key, isTree(old) && isTree(value) ? patchBetween(old, value) : value] as const;
  });
  return Object.fromEntries([...there, ...gone]);
}

test('a stored specification is accepted as it is, and the patch between two of them makes one the other', (t) => {
  const pairs = fc.tuple(specs(received), specs(received));
  const property = fc.property(pairs, ([one, other]) => {
    t.deepEqual(parseSpec(mergePatch(one, {})), one);
    const patch = JSON.parse(JSON.stringify(patchBetween(one, other))) as unknown;
    t.deepEqual(parseSpec(mergePatch(one, patch)), other);
    t.deepEqual(parseSpec(mergePatch(other, patch)), other, 'and the same patch again changes nothing');
  });
  holds(t, property, { numRuns: 75, seed: 3 });
});

test('changes: none of a specification and itself, else the fields in which two differ', (t) => {
  const property = fc.property(fc.tuple(specs(received), specs(received)), ([one, other]) => {
    t.deepEqual(fieldChanges(one, structuredClone(one)), []);
    const fields = fieldChanges(one, other).map(({ field }) => field);
    const tops = (Object.keys({ ...one, ...other }) as (keyof WorkloadSpec)[]).filter(
      // The order of the names in a map says nothing.
      (key) => !isDeepStrictEqual(one[key], other[key]),
    );
    t.true(tops.every((key) => fields.some((field) => field === key || field.startsWith(`${key}.`))));
    t.true(fields.every((field) => tops.some((key) => field === key || field.startsWith(`${key}.`))));
  });
  holds(t, property, { numRuns: 60, seed: 4 });
});

test('changes: leaves by name, lists as one, and no value of an environment', (t) => {
  const before = {
    resources: { cpu: { limit: 1 }, pids: 5 },
    labels: { a: '1' },
    egress: { deny: ['x'] },
    exec: { env: { PASSWORD: 'one', SAME: 's' } },
  };
  const after = {
    resources: { cpu: { limit: 2, weight: 7 } },
    labels: { a: '1', b: '2' },
    egress: { deny: ['x', 'y'] },
    exec: { env: { PASSWORD: 'two', SAME: 's', TOKEN: 't' } },
  };
  t.deepEqual(fieldChanges(before, after), [
    { field: 'egress.deny', from: ['x'], to: ['x', 'y'] },
    { field: 'exec.env.PASSWORD', from: '(hidden)', to: '(hidden)' },
    { field: 'exec.env.TOKEN', to: '(hidden)' },
    { field: 'labels.b', to: '2' },
    { field: 'resources.cpu.limit', from: 1, to: 2 },
    { field: 'resources.cpu.weight', to: 7 },
    { field: 'resources.pids', from: 5 },
  ]);
  t.deepEqual(fieldChanges({ a: {} }, {}), [{ field: 'a', from: {} }]);
  t.deepEqual(fieldChanges({}, { firecracker: { mmds: { metadata: { key: 'secret' } } } }), [
    { field: 'firecracker.mmds.metadata.key', to: '(hidden)' },
  ]);
});
