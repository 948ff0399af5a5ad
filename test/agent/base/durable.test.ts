import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readAll, replaceFile } from '../../../agent/base/durable.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { ODD_THINGS } from '../odd-things.js';

function twoFiles(): string {
  const directory = temporaryDirectory('durable');
  for (const name of ['a.json', 'b.json']) writeFileSync(join(directory, name), name);
  writeFileSync(join(directory, 'c.json.tmp'), 'half');
  return directory;
}

test('what cannot be read is set aside and told, the rest is read', async (t) => {
  const directory = twoFiles();
  const told: string[] = [];
  const decode = (text: string, name: string): string => {
    if (name === 'a') throw new Error('no record');
    return text;
  };
  const found = await readAll(directory, decode, ({ path, problem }) => told.push(`${path}: ${problem}`));
  t.deepEqual(found, ['b.json']);
  t.deepEqual(told, [`${join(directory, 'a.json')}: no record`]);
  t.deepEqual(readdirSync(directory).sort(), ['a.json.damaged', 'b.json']);
});

test('nothing is set aside for what the process has run out of', async (t) => {
  const directory = twoFiles();
  const decode = (): never => {
    throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  };
  const told = (): void => t.fail('told as damaged');
  await t.throwsAsync(readAll(directory, decode, told), { code: 'EMFILE' });
  t.deepEqual(readdirSync(directory).sort(), ['a.json', 'b.json', 'c.json.tmp']);
});

test('forty writers of one file at once all succeed, and one of them has the last word', async (t) => {
  const directory = temporaryDirectory('durable');
  const path = join(directory, 'one.json');
  const texts = Array.from({ length: 40 }, (_, n) => `${n}`.repeat(1000));
  await Promise.all(texts.map((text) => replaceFile(path, text)));
  t.true(texts.includes(readFileSync(path, 'utf8')));
  t.deepEqual(readdirSync(directory), ['one.json']);
});

test('what fails to be written leaves nothing behind, and says of which file', async (t) => {
  const directory = temporaryDirectory('durable');
  const path = join(directory, 'one.json');
  mkdirSync(join(path, 'in the way'), { recursive: true });
  const error = await t.throwsAsync(replaceFile(path, 'x'));
  t.true(error?.message.includes(path), error?.message);
  t.deepEqual(readdirSync(directory), ['one.json']);
});

for (const { name, make } of ODD_THINGS)
  test(`${name} with the name of a file of state keeps no other from being read`, async (t) => {
    const directory = temporaryDirectory('durable');
    writeFileSync(join(directory, 'a.json'), '{"id":"a"}');
    for (const odd of ['b.json', 'c.json.tmp', 'd.txt']) await make(join(directory, odd));
    const told: string[] = [];
    const decode = (text: string): string => {
      const { id } = JSON.parse(text) as { id?: string };
      if (id === undefined) throw new Error('no id');
      return id;
    };
    const found = await readAll(directory, decode, ({ path }) => told.push(path));
    t.deepEqual(found, ['a']);
    t.deepEqual(told, [join(directory, 'b.json')]);
    t.deepEqual(readdirSync(directory).sort(), ['a.json', 'b.json.damaged', 'd.txt']);
  });
