import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readAll } from '../../agent/durable.js';
import { temporaryDirectory } from '../runner/temporary.js';

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
