// Specifications in YAML: what is meant is read, what is hostile costs little, and what is wrong is told with its place.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MOST_YAML, parseYaml, toYaml, YamlError } from '../../../agent/cli/yaml-specs.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { fc, holds } from '../../runner/property.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specs } from '../workload/spec-generator.js';
import { berth, fakeAgent, view } from './fake.js';

test('a specification as YAML, read back, is the same', (t) => {
  const received = (input: unknown) => parseSpec(JSON.parse(JSON.stringify(input)));
  const property = fc.property(specs(received), (spec) => {
    t.deepEqual(parseYaml(toYaml(spec)), [spec]);
  });
  holds(t, property, { numRuns: 80, seed: 5 });
  const words = [
    'yes',
    'no',
    'on',
    'null',
    '~',
    '1',
    '1e3',
    '0x10',
    '2026-11-30',
    '',
    ' a',
    'a: b',
    '# c',
    '- d',
    'é\n\t"',
  ];
  const labels = Object.fromEntries(words.map((word, at) => [`l${at}`, word]));
  t.deepEqual(parseYaml(toYaml({ labels })), [{ labels }]);
});

test('documents, lists and comments', (t) => {
  t.deepEqual(parseYaml('# one\nid: a\n---\nid: b\n---\n'), [{ id: 'a' }, { id: 'b' }]);
  t.deepEqual(parseYaml('- id: a\n- id: b\n'), [[{ id: 'a' }, { id: 'b' }]]);
  t.deepEqual(parseYaml('base: &x {a: 1}\nother: *x\n'), [{ base: { a: 1 }, other: { a: 1 } }]);
  t.deepEqual(parseYaml('yes: no\n8080: 1\n'), [{ yes: 'no', '8080': 1 }]);
  t.deepEqual(parseYaml(''), []);
  t.deepEqual(parseYaml('# nothing\n---\n'), []);
});

/** Nine levels of nine aliases each: 10^9 values. */
const LAUGHS = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join()}]`).join('\n')}\n`;

const WRONG: readonly (readonly [title: string, text: string, position: string, message: RegExp])[] = [
  ['a key twice', 'id: a\nx:\n  b: 1\n  b: 2\n', '4:3', /^duplicate key/],
  ['a key twice in braces', '{id: a, id: b}', '1:9', /^duplicate key/],
  ['a tab', 'a:\n\tb: 1\n', '2:1', /^not valid YAML: /],
  ['an open quote', 'a: "b\n', '2:1', /^not valid YAML: /],
  ['an open bracket', 'a: [1, 2\n', '2:1', /^not valid YAML: /],
  ['a name that would be lost', 'id: a\nenv:\n  __proto__: x\n', '', /^"__proto__" cannot be a name/],
  ['an alias of nothing', 'a: *nobody\n', '', /^not valid YAML: an alias has no anchor/],
  ['a tag', 'a: !!binary aGVsbG8=\n', '1:4', /a tag is not known/],
  ['a tag of its own', 'a: !secret hello\n', '1:4', /a tag is not known/],
  ['an object as a key', '? {a: 1}\n: 2\n', '1:3', /^not valid YAML: /],
  ['aliases of aliases', LAUGHS, '', /^uses aliases more than 100 times/],
  ['deep flow', `a: ${'['.repeat(33)}${']'.repeat(33)}`, '', /^nests deeper than 32 levels/],
  ['very deep flow', `a: ${'['.repeat(100_000)}`, '', /^nests deeper|^not valid YAML/],
  ['very deep blocks', Array.from({ length: 2000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), '', /^nests deeper/],
  ['too large', `a: ${'x'.repeat(MOST_YAML)}`, '', /^has more than 4 MiB of YAML/],
];

for (const [title, text, position, message] of WRONG)
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => parseYaml(text), { instanceOf: YamlError });
    t.regex(error?.message ?? '', message);
    if (!title.startsWith('very deep')) t.is(error?.position, position);
    t.true((error?.message.length ?? 0) < 120, error?.message);
  });

test('what is wrong is told without what was written: it may be a password', (t) => {
  const secret = 'hunter2';
  for (const text of [
    `a: "b" ${secret}\n`,
    `a: *${secret}\n`,
    `a: !${secret} b\n`,
    `a: b: ${secret}\n`,
    `%${secret}\na`,
    `a: [${secret}`,
    `@${secret}`,
  ])
    t.false(t.throws(() => parseYaml(text), { instanceOf: YamlError }, text)?.message.includes(secret), text);
});

test('create and update take YAML; the first that is wrong keeps back all of them', async (t) => {
  const directory = temporaryDirectory('yaml');
  const file = join(directory, 'web.yaml');
  writeFileSync(file, '# two of them\nid: a\ndriver: exec\n---\n- {id: b, driver: exec}\n- {id: c, driver: exec}\n');
  const agent = fakeAgent({
    'workload.create': ({ spec }) => view(String(spec.id)),
    'workload.update': ({ id }) => ({ ...view(id), changes: [] }),
  });
  const { exit, out } = await berth(['workload', 'create', '-f', file, '--detach'], { agent });
  t.is(exit, 0);
  t.is(out, 'a accepted (running)\nb accepted (running)\nc accepted (running)\n');
  await berth('workload update a -f -', { agent, input: 'id: a\nlabels:\n  app: web\n' });
  t.deepEqual(agent.calls.at(-1)?.params, { id: 'a', spec: { id: 'a', labels: { app: 'web' } } });
  const none = fakeAgent({});
  for (const [input, message] of [
    ['id: a\n---\nid: b\nid: c\n', 'standard input:4:1: duplicate key'],
    ['id: a\n---\n7\n', 'standard input[1]: a workload is an object'],
    ['# nothing\n', 'standard input: has no document'],
    ['just words\n', 'standard input: a workload is an object'],
  ] as const) {
    const wrong = await berth('workload create -f -', { agent: none, input });
    t.is(wrong.exit, 2);
    t.true(wrong.err.startsWith(`berth: ${message}`), wrong.err);
  }
  t.deepEqual(none.calls, []);
});
