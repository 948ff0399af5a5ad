import test from 'ava';
import { protocolDocuments } from '../../../agent/control/document.js';
import { METHODS } from '../../../agent/control/methods.js';
import { isObject } from '../../../agent/control/rpc.js';
import { ERRORS } from '../../../protocol/errors.js';

const documents = protocolDocuments('0.1.0');

/** Every `$ref` below `value`. */
function refs(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refs);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : refs(inner)));
}

function resolve(document: unknown, ref: string): unknown {
  return ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), document);
}

for (const name of ['jsonSchema', 'asyncapi'] as const)
  test(`${name}: every reference leads somewhere, and it is plain JSON`, (t) => {
    const document = documents[name];
    t.deepEqual(JSON.parse(JSON.stringify(document)), document);
    const found = refs(document);
    t.true(found.length > Object.keys(METHODS).length);
    for (const ref of found) t.truthy(resolve(document, ref), ref);
  });

test('every method, error and parameter is in every document', (t) => {
  const { markdown, jsonSchema, asyncapi } = documents;
  for (const [method, schema] of Object.entries(METHODS)) {
    t.true(markdown.includes(`### \`${method}\``), method);
    t.truthy(resolve(jsonSchema, `#/$defs/${method}.params`), method);
    t.truthy(resolve(asyncapi, `#/operations/${method}`), method);
    for (const key of Object.keys(schema.shape)) t.true(markdown.includes(`- \`${key}\`: `), `${method} ${key}`);
  }
  for (const code of Object.keys(ERRORS)) t.true(markdown.includes(`| \`${code}\` |`), code);
  t.false(markdown.includes('undefined'));
});

test('the schema describes what senders write: defaults optional, sizes as text, nothing unknown', (t) => {
  const create = resolve(documents.jsonSchema, '#/$defs/workload.create.params');
  t.like(create, { required: ['spec'], properties: { spec: { $ref: '#/$defs/WorkloadSpec' } } });
  t.like(resolve(documents.jsonSchema, '#/$defs/WorkloadSpec'), {
    required: ['id', 'driver'],
    additionalProperties: false,
  });
  t.like(resolve(documents.jsonSchema, '#/$defs/workload.delete.params'), { required: ['id'] });
});

test('the documents are the same every time', (t) => {
  t.deepEqual(protocolDocuments('0.1.0'), documents);
});
