// How much work a message makes for the agent, whatever stands in it: counted in problems and bytes, not in time.

import test from 'ava';
import * as z from 'zod';
import { MOST_PROBLEMS } from '../../../agent/base/wrong-fields.js';
import { boundedReport, bytesOf, ERROR_BYTES } from '../../../agent/control/answer-size.js';
import { METHODS } from '../../../agent/control/methods.js';
import { shapeProblem } from '../../../agent/control/shape.js';
import { tenantChange } from '../../../agent/density/tenant-settings.js';
import { workloadSpec } from '../../../agent/model/spec.js';
import { fc } from '../../runner/property.js';
import { fakeService, specOf } from './fake-service.js';
import { fakeSession } from './fake-session.js';
import { request } from './raw.js';

interface Answer {
  readonly id: unknown;
  readonly error?: { readonly data: { readonly code: string; readonly message: string; readonly data?: Told } };
}
interface Told {
  readonly fields?: readonly { readonly field: string; readonly problem: string }[];
  readonly count?: number;
}

const MEBI = 1 << 20;
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${at}`);
const map = (count: number, value: unknown): object => Object.fromEntries(many(count).map((key) => [key, value]));
const spec = (over: object): object => ({ spec: { ...specOf('web'), ...over } });
const exec = (over: object): object => spec({ exec: { command: ['/bin/true'], ...over } });

const FLOODS: readonly [what: string, method: string, params: object, field: RegExp][] = [
  ['350,000 wrong scopes', 'session.hello', { scheduler: 's', epoch: 1, scopes: Array(350_000).fill(1) }, /scopes/],
  ['2,000 wrong scopes', 'session.hello', { scheduler: 's', epoch: 1, scopes: Array(2000).fill(1) }, /^scopes$/],
  ['70,000 labels', 'workload.create', spec({ labels: map(70_000, 'v') }), /labels/],
  ['2,000 labels', 'workload.create', spec({ labels: map(2000, 'v') }), /^labels$/],
  ['70,000 variables', 'workload.create', exec({ env: map(70_000, 'v') }), /env/],
  ['1,500 variables', 'workload.fits', exec({ env: map(1500, 'v') }), /^exec\.env$/],
  ['70,000 misc limits', 'workload.create', spec({ resources: { misc: map(70_000, 1) } }), /misc/],
  ['100 misc limits', 'workload.create', spec({ resources: { misc: map(100, 1) } }), /^resources\.misc$/],
  ['70,000 unknown keys', 'workload.create', spec(map(70_000, 1)), /spec/],
  ['60 unknown keys', 'workload.create', spec(map(60, 1)), /./],
  ['unknown keys of a method', 'node.describe', map(2000, 1), /./],
  ['a PATH of 60,000 entries', 'workload.create', exec({ env: { PATH: '/:'.repeat(60_000) } }), /^exec\.env\.PATH$/],
  ['1,000 wrong arguments', 'workload.create', exec({ command: Array(1000).fill(1) }), /^exec\.command\.0$/],
  ['a key of a mebibyte', 'node.describe', { ['k'.repeat(MEBI - 200)]: 1 }, /^k{200}\.\.\.$/],
  ['settings of a tenant', 'tenant.set', { tenant: 'a', settings: { licences: map(2000, 1) } }, /licences/],
];

for (const [what, method, params, field] of FLOODS)
  test(`${what}: told in short, and the session goes on`, async (t) => {
    const service = fakeService();
    const { ask, closes, defects } = fakeSession(t, service);
    const text = await ask(request(7, method, params));
    t.true(text.length < 65_536, `${text.length} bytes`);
    const { id, error } = JSON.parse(text) as Answer;
    t.is(id, 7);
    t.regex(error?.data.code ?? '', /^invalid_(params|spec|quota)$/);
    const { fields = [], count = 0 } = error?.data.data ?? {};
    t.regex(fields[0]?.field ?? '', field);
    t.true(fields.length >= 1 && fields.length <= MOST_PROBLEMS && fields.length <= count);
    t.deepEqual(service.calls, []);
    t.regex(await ask(request(8, 'session.ping')), /"result"/);
    t.deepEqual([closes, defects], [[], []]);
  });

test('the first problems are told, and how many there are', async (t) => {
  const { ask } = fakeSession(t);
  const text = await ask(request(1, 'workload.create', exec({ command: Array(1000).fill(1) })));
  const { error } = JSON.parse(text) as Answer;
  t.is(error?.data.data?.count, 1000);
  t.regex(error?.data.message ?? '', /; and 980 more$/);
});

test('names of a stranger are not repeated at length: method, driver, id', async (t) => {
  const { ask } = fakeSession(t);
  const long = 'x'.repeat(900_000);
  for (const text of [
    request(1, long),
    request(1, 'workload.create', { spec: { ...specOf('web'), driver: long } }),
    JSON.stringify({ jsonrpc: '2.0', id: long, method: 'session.ping' }),
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'workload.get', params: { id: long } }),
    `{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"${long}":`,
  ])
    t.true((await ask(text)).length < 2000);
});

test('a message is refused by its shape before it is parsed, under its own id', (t) => {
  const limits = { depth: 4, entries: 3, values: 8 };
  const problem = (text: string) => shapeProblem(text, limits);
  t.is(problem('{"id":1,"a":[1,2,3],"b":"[,,,,,,{"}'), undefined);
  t.deepEqual(problem('{"id":"x","params":{"list":[1,2,3,4]}}'), {
    ...{ field: 'params.list', problem: 'must have at most 3 entries', id: 'x' },
  });
  t.deepEqual(problem('{"params":{"o":[0,{"a":1,"b":2,"c":3}],"p":[1,2]},"id":12}'), {
    ...{ field: '', problem: 'the message must have at most 8 values', id: 12 },
  });
  t.is(problem('[[[[[')?.problem, 'must not nest deeper than 4 levels');
  t.is(problem('{"a":"\\\\","b":[1,2,3,4],"id":5}')?.field, 'b', 'a backslash before a quote is not always an escape');
  t.is(problem('{"a":"\\"[[[[[","id":5}'), undefined);
  t.is(problem('"\\'), undefined, 'what is no JSON is for the parser');
});

test('the shape of any JSON is found as JSON.parse finds it', (t) => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  const widest = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? Math.max(Object.keys(value).length, ...Object.values(value).map(widest))
      : 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.integer({ min: 1, max: 5 }), (text, most) => {
      const value: unknown = JSON.parse(text);
      const limits = { depth: most, entries: most, values: Number.POSITIVE_INFINITY };
      const isBeyond = depthOf(value) > most || widest(value) > most;
      if (isBeyond) refused++;
      t.is(shapeProblem(text, limits) !== undefined, isBeyond, text);
    }),
    { numRuns: 500 },
  );
  t.true(refused > 10);
});

test('any message up to a mebibyte has an answer below 64 KiB, and the session stays usable', async (t) => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean(), fc.string({ unit: 'binary' }));
  const bulk = fc
    .tuple(scalar, fc.constantFrom(1, 30, 1500, 3000, 200_000), fc.boolean())
    .map(([value, count, isMap]) => (isMap ? map(Math.min(count, 30_000), value) : Array(count).fill(value)));
  const long = fc
    .tuple(fc.string({ minLength: 1 }), fc.nat(400_000))
    .map(([text, count]) => text.repeat(count / text.length + 1));
  const anything = fc.oneof(
    scalar,
    bulk,
    long,
    fc.json().map((text) => JSON.parse(text) as unknown),
  );
  const field = fc.constantFrom(...Object.keys(workloadSpec.shape), 'other');
  const params = fc.oneof(
    anything,
    fc.dictionary(fc.constantFrom('id', 'scopes', 'scheduler', 'epoch', 'tenant', 'settings', 'spec'), anything),
    fc.tuple(field, anything).map(([key, value]) => ({ spec: { ...specOf('web'), [key]: value } })),
  );
  const message = fc
    .record({ method: fc.constantFrom(...Object.keys(METHODS)), params, id: fc.oneof(fc.nat(), long) })
    .map((one) => JSON.stringify({ jsonrpc: '2.0', ...one }).slice(0, MEBI));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(message, async (text) => {
      const { ask, closes, defects } = fakeSession(t);
      const answer = await ask(text);
      t.true(answer.length < 65_536, `${answer.length} bytes for ${text.slice(0, 200)}`);
      if (answer.includes('"error"')) refused++;
      t.regex(await ask(request(8, 'session.ping')), /"result"/);
      t.deepEqual([closes, defects], [[], []]);
    }),
    { numRuns: 50 },
  );
  t.true(refused > 5);
});

test('every list, map and text that a peer may send has a bound in its schema', (t) => {
  type Json = Readonly<Record<string, unknown>>;
  const seen: string[] = [];
  const walk = (schema: Json, path: string): void => {
    const { type, pattern, maxLength, maxItems, maxProperties, properties, additionalProperties } = schema;
    if (type === 'array') t.is(typeof maxItems, 'number', `${path}: a list without maxItems`);
    if (type === 'object' && properties === undefined && additionalProperties !== false && !hasListedKeys(schema))
      t.is(typeof maxProperties, 'number', `${path}: a map without maxProperties`);
    const isOpen =
      maxLength === undefined && schema.allOf === undefined && schema.enum === undefined && schema.const === undefined;
    // Several patterns of one text stand in allOf, and are looked at there.
    if ((type === 'string' || pattern !== undefined) && isOpen && schema.format === undefined)
      t.regex(String(pattern ?? '*'), /^(?!.*(?<!\\)[*+])(?!.*\{\d+,\}).*$/s, `${path}: a text without an end`);
    seen.push(path);
    for (const [key, part] of Object.entries(schema))
      if (typeof part === 'object' && part !== null && key !== 'enum' && key !== 'default')
        walk(part as Json, `${path}/${key}`);
  };
  const schemas: readonly (readonly [string, z.ZodType])[] = [
    ...Object.entries(METHODS),
    ['WorkloadSpec', workloadSpec],
    ['tenant', tenantChange],
  ];
  for (const [name, schema] of schemas) walk(z.toJSONSchema(schema, { io: 'input' }) as Json, name);
  t.true(seen.length > 200);
});

function hasListedKeys({ propertyNames }: Readonly<Record<string, unknown>>): boolean {
  return typeof propertyNames === 'object' && propertyNames !== null && 'enum' in propertyNames;
}

test('the size of an answer is counted, and never under the truth', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json().map((text) => JSON.parse(text) as unknown),
        fc.string({ unit: 'binary' }),
      ),
      (value) => {
        t.true(bytesOf(value, Number.POSITIVE_INFINITY) >= Buffer.byteLength(JSON.stringify(value)));
      },
    ),
  );
  let looked = 0;
  const list = Array.from({ length: 10_000 }, () => ({
    get text() {
      looked++;
      return 'x'.repeat(100);
    },
  }));
  t.true(bytesOf(list, 5000) > 5000);
  t.true(looked < 60, 'and no further than needed');
});

test('an error of whatever was thrown fits', (t) => {
  const text = fc.oneof(fc.string(), fc.constant('"\u0000'.repeat(50_000)), fc.constant('x'.repeat(2_000_000)));
  fc.assert(
    fc.property(text, text, fc.option(fc.record({ a: text, b: fc.array(text) })), (message, hint, data) => {
      const report = { code: 'internal' as const, message, hint, ...(data === null ? {} : { data }) };
      const bounded = boundedReport(report);
      t.true(Buffer.byteLength(JSON.stringify({ message: bounded.message, data: bounded })) < ERROR_BYTES);
    }),
  );
});

test('an answer that would be too long is an error, and is not made', async (t) => {
  const service = fakeService();
  const { ask } = fakeSession(t, service, { replyBytes: 3000 });
  for (let at = 0; at < 20; at++) await ask(request(at, 'workload.create', { spec: specOf(`web-${at}`) }));
  const { error } = JSON.parse(await ask(request(99, 'workload.list'))) as Answer;
  t.is(error?.data.code, 'reply_too_large');
  t.regex(await ask(request(100, 'workload.get', { id: 'web-1' })), /"result"/);
});
