// SECURITY.md names the test of each of its claims: the file is there, and has a test of that name.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

/** Cells of the rows of the threat model. */
const rows = /## Threat model\n[\s\S]*?\n## /
  .exec(read('SECURITY.md'))?.[0]
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Who '))
  .map((line) => line.slice(2, -2).split(' | '));

test('every row of the threat model has a test, by file and name', (t) => {
  t.true((rows?.length ?? 0) >= 15);
  for (const [who = '', what = '', shown = '', ...rest] of rows ?? []) {
    t.deepEqual(rest, [], who);
    const files = [...shown.matchAll(/`(test\/[^`]+\.test\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)];
    t.true(files.length > 0, `${who} may not ${what}`);
    t.is(files.map(([text]) => text).join('; '), shown);
    for (const [, path = '', names = ''] of files)
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g)) t.true(read(path).includes(name), `${path}: ${name}`);
  }
});

test('every file of tests that SECURITY.md names is there', (t) => {
  const named = [...read('SECURITY.md').matchAll(/`(test\/[^`]+\.ts)`/g)].map(([, path = '']) => path);
  t.true(named.length > 15);
  for (const path of named) t.notThrows(() => read(path), path);
});
